"""A declared list of alterations to the table of its assay."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from metarisk.config.study_tables import CallsFile
from metarisk.data.barcodes import tumours
from metarisk.data.calls import Calls, table_of_calls
from metarisk.data.cohort import AssayTable
from metarisk.data.found import Found, error, warning
from metarisk.data.mutation_classes import CLASS_CHANNELS, LEFT_OUT, MISSENSE, SILENT_CLASSES
from metarisk.data.panels import WHOLE_EXOME, Panels, read_panels
from metarisk.data.places import places_in
from metarisk.data.plain.place import inside
from metarisk.data.plain.sample_ids import names_patients
from metarisk.data.profile import Seen, profile_of
from metarisk.data.protein_changes import channels_of_changes
from metarisk.data.recurrence import at_hotspots
from metarisk.data.setting import Setting
from metarisk.data.source import COHORT_SEPARATOR, ClinicalSource
from metarisk.data.text import TextTable, check_ids, read_text, require_columns, stripped
from metarisk.errors import first_ten
from metarisk.schema.assays import Assay

EVERY_GENE = next(iter(sorted(WHOLE_EXOME)))


class _Rows(NamedTuple):
    """The list: its table, the sample of each row as the study writes it, and whether the row is a call."""

    table: TextTable
    samples: pd.Series
    is_call: NDArray[np.bool_]


def read_calls(
    declared: CallsFile, setting: Setting, source: ClinicalSource, found: Found
) -> AssayTable | None:
    """Table of a list of alterations: 0 where a gene was measured and not altered; None with the reason told.

    Nobody can tell from a list of genes whether a mutation is a hotspot: without protein changes that channel
    is unknown.
    """
    rows = _rows(declared, setting, source, found)
    if rows is None:
        return None
    panel = _panel_of_samples(declared, rows, found)
    calls = _calls(declared, setting, rows, found)
    described: Panels = {}
    if declared.panel_column is not None and setting.panels is not None:
        described = read_panels(setting.panels, setting.genes, found)
    seen = Seen(calls.samples, calls.genes)
    profile = profile_of(panel, described, seen, rows.table.name, found)
    return table_of_calls(declared.assay, calls, profile, rows.table.name, found)


def _rows(declared: CallsFile, setting: Setting, source: ClinicalSource, found: Found) -> _Rows | None:
    path = inside(setting.folder, declared.file, found)
    columns = [declared.sample_column, declared.gene_column]
    further = (declared.class_column, declared.change_column, declared.panel_column)
    columns += [name for name in further if name is not None]
    table = None if path is None else read_text(path, found, columns)
    if table is None or not require_columns(table, columns, found):
        return None
    if not check_ids(table, declared.sample_column, found, unique=False):
        return None
    samples = table.frame[declared.sample_column]
    if declared.barcode is not None:
        samples = _of_tumours(samples, table.name, source, found)
    if declared.cohort is not None:
        samples = (declared.cohort + COHORT_SEPARATOR + samples).where(samples != "", "")
    names = table.frame[declared.gene_column].str.strip()
    is_call = (samples != "") & (names != "") & (names != (declared.sequenced or ""))
    return _Rows(table, samples, is_call.to_numpy(dtype=bool))


def _of_tumours(samples: pd.Series, file: str, source: ClinicalSource, found: Found) -> pd.Series:
    """The tumour of each row's barcode, empty text where it is none that is read."""
    named = np.array(sorted(samples.unique()), dtype=str)
    kept = tumours(named, file, found, patients=names_patients(source))
    return samples.map(dict(zip(named[kept.rows], kept.ids, strict=True))).fillna("")


def _panel_of_samples(declared: CallsFile, rows: _Rows, found: Found) -> pd.Series:
    """Panel of each sample that was sequenced, index sample id."""
    frame, samples = rows.table.frame, rows.samples
    measured = samples != ""
    if declared.sequenced is not None:
        measured &= frame[declared.gene_column] == declared.sequenced
        _tell_unmarked(declared.sequenced, rows, samples[measured], found)
    panels = frame[declared.panel_column] if declared.panel_column else pd.Series(EVERY_GENE, samples.index)
    pairs = pd.DataFrame({"sample": samples, "panel": panels})[measured].drop_duplicates()
    twice = pairs.loc[pairs["sample"].duplicated(), "sample"]
    if len(twice):
        message = f"{len(twice)} samples stand on several panels ({first_ten(twice)})"
        found.append(error(rows.table.name, message, "Name one panel for each sample."))
    return pairs.drop_duplicates("sample").set_index("sample")["panel"]


def _tell_unmarked(mark: str, rows: _Rows, marked: pd.Series, found: Found) -> None:
    unmarked = sorted(set(rows.samples[rows.is_call]) - set(marked))
    if unmarked:
        message = f"{len(unmarked)} samples have alterations but no row {mark} ({first_ten(unmarked)})"
        found.append(error(rows.table.name, message, "Mark every sample that was sequenced."))


def _calls(declared: CallsFile, setting: Setting, rows: _Rows, found: Found) -> Calls:
    names = rows.table.frame[declared.gene_column].str.strip()
    resolution = setting.resolve(names[rows.is_call], rows.table.name)
    found.extend(resolution.findings)
    symbols = names.where(rows.is_call).map(resolution.by_name)
    channels = _channels(declared, rows, found)
    kept = symbols.notna().to_numpy() & (channels != LEFT_OUT)
    if setting.only is not None:
        read = symbols.isin(setting.only).to_numpy()
        _tell_not_read(int((kept & ~read).sum()), int(kept.sum()), rows.table.name, found)
        kept &= read
    genes, channels = symbols[kept].to_numpy(dtype=str), channels[kept]
    hotspots = _hotspots(declared, rows.table.take(kept), genes, channels, found)
    return Calls(rows.samples[kept].to_numpy(dtype=str), genes, channels, hotspots)


def _hotspots(
    declared: CallsFile,
    table: TextTable,
    genes: NDArray[np.str_],
    channels: NDArray[np.intp],
    found: Found,
) -> NDArray[np.float32] | None:
    """1 at a recurrent residue, 0 not, NaN not told, shape (M,); None where no protein change is told."""
    if declared.change_column is None:
        return None
    changes = stripped(table.frame[declared.change_column])
    told = at_hotspots(genes, channels, changes, None, places_in(changes.to_frame()), "")
    if told is None and len(genes):
        message = "holds no protein change that metarisk reads"
        do = "Write them as p.G12D or p.Gly12Asp; until then nobody knows which mutations are hotspots."
        found.append(warning(table.name, message, do, column=declared.change_column))
    return told


def _tell_not_read(count: int, total: int, file: str, found: Found) -> None:
    if count:
        message = f"{count} of {total} alterations lie in genes that the study does not read"
        found.append(
            warning(file, message, "They were left out; `only_genes` in the study file asks for it.")
        )


def _channels(declared: CallsFile, rows: _Rows, found: Found) -> NDArray[np.intp]:
    """Channel of each row, `LEFT_OUT` where no protein changes, shape (M,)."""
    if declared.assay is not Assay.MUTATION:
        return np.zeros(len(rows.samples), dtype=np.intp)
    if declared.class_column is None and declared.change_column is None:
        return np.full(len(rows.samples), MISSENSE, dtype=np.intp)
    if declared.class_column is None:
        return channels_of_changes(stripped(rows.table.frame[declared.change_column]))
    classes = rows.table.frame[declared.class_column].replace(dict(declared.classes)).str.upper()
    unknown = rows.is_call & ~classes.isin([*CLASS_CHANNELS, *SILENT_CLASSES]).to_numpy()
    if unknown.any():
        named = first_ten(sorted(classes[unknown].unique()))
        message = f"{unknown.sum()} alterations are of unknown class ({named}) and were left out"
        do = "Say under `classes` in the study file which of the MAF's classes they are."
        lines = rows.table.lines(unknown)
        found.append(warning(rows.table.name, message, do, lines=lines, column=declared.class_column))
    return np.array([CLASS_CHANNELS.get(name, LEFT_OUT) for name in classes], dtype=np.intp)
