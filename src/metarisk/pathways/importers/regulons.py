"""CollecTRI and DoRothEA: transcription factors and their targets."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.errors import TopologyError
from metarisk.pathways.importers.gather import Origin, columns_of, gather, spell_out
from metarisk.pathways.importers.reading import first_columns, read_table
from metarisk.pathways.importers.report import Imported, Resolve

if TYPE_CHECKING:
    import pandas as pd

LICENCE = "CC BY-SA 4.0 (CollecTRI, DoRothEA)"
DEFAULT_DECISION = "default activation"

# Dimers that CollecTRI files under one name.
COMPLEXES: dict[str, tuple[str, ...]] = {
    "AP1": ("FOS", "FOSB", "FOSL1", "FOSL2", "JUN", "JUNB", "JUND"),
    "NFKB": ("NFKB1", "NFKB2", "REL", "RELA", "RELB"),
}


def read_regulons(
    path: Path,
    *,
    levels: Collection[str] | None = None,
    trust_activation: bool = False,
    resolve: Resolve | None = None,
) -> Imported:
    """Edges tf_target of a CollecTRI or DoRothEA table.

    A weight under 0 is -1. A weight over 0 is +1 where the row says what decided it; CollecTRI gives +1 by
    default where nothing is known, so a +1 decided by default, or in a table that does not say, is 0 unless
    ``trust_activation``.

    Parameters
    ----------
    path
        Comma- or tab-separated; ``source`` or ``tf``, ``target``, ``weight`` or ``mor``, perhaps
        ``confidence`` and ``sign_decision``.
    levels
        DoRothEA confidence levels to keep, such as ``("A", "B")``; None keeps all.
    trust_activation
        Believe every +1.
    resolve
        Name to approved symbol.

    Raises
    ------
    TopologyError
        If a column is missing or a weight is no number.
    """
    separator = "\t" if len(first_columns(path, "\t")) > 1 else ","
    header = first_columns(path, separator)
    tf = "tf" if "tf" in header else "source"
    weight = "mor" if "mor" in header else "weight"
    table = read_table(path, separator, (tf, "target", weight), filled=(tf, "target", weight))
    kept = table[table["confidence"].isin(list(levels))] if levels and "confidence" in header else table
    frame = kept.assign(
        source=kept[tf], relation="tf_target", sign=_sign(path, kept, weight, trust_activation)
    )
    frame = spell_out(frame[["source", "target", "relation", "sign"]], COMPLEXES)
    skipped = {"the confidence level was not asked for": len(table) - len(kept)}
    origin = Origin("CollecTRI/DoRothEA", path.name, (LICENCE,), len(table), skipped, _note(trust_activation))
    return gather(origin, columns_of(frame), resolve=resolve)


def _sign(path: Path, table: pd.DataFrame, weight: str, trust: bool) -> pd.Series[int]:
    import pandas as pd

    value = pd.to_numeric(table[weight], errors="coerce")
    if value.isna().any():
        row = int(value.index[value.isna()][0])
        raise TopologyError(
            f"{path.name} line {row + 2}, column {weight}: {table.loc[row, weight]!r} is no number",
            expected="the mode of regulation, -1 .. 1",
            do="Give the table as the provider distributes it.",
        )
    if "sign_decision" in table:
        decided = ~table["sign_decision"].str.lower().isin([DEFAULT_DECISION, ""])
    else:
        decided = pd.Series(False, index=table.index)
    activates = (value > 0) & (decided | trust)
    return activates.astype(int) - (value < 0).astype(int)


def _note(trust: bool) -> tuple[str, ...]:
    return () if trust else ("A +1 that may be a default is kept unsigned.",)
