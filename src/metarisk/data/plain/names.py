"""What the features of a matrix are called: prefixes, patterns, and tables that name their genes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd

from metarisk.config.study_tables import AssayFile, NameTable
from metarisk.data.found import Found, error, warning
from metarisk.data.gene_names import ensembl_gene, name_kind
from metarisk.data.matrix import Matrix
from metarisk.data.plain.place import inside
from metarisk.data.text import is_missing, read_text, require_columns
from metarisk.errors import first_ten

# Rows of STAR's and HTSeq's tables that count reads, not a gene.
SUMMARY_ROWS = (
    r"N_(?:unmapped|multimapping|noFeature|ambiguous)"
    r"|__(?:no_feature|ambiguous|too_low_aQual|not_aligned|alignment_not_unique)"
)
# Chips write several genes of one probe as A /// B, Xena's probe maps as A,B, other tables as A|B or A;B.
_SEVERAL = r"///|[|;,]"


def name_features(
    declared: AssayFile, matrix: Matrix, not_features: frozenset[str], folder: Path, found: Found
) -> Matrix:
    """The matrix with its features only, under the names that the study file finds for them.

    Parameters
    ----------
    not_features
        Names of rows that are clinical: a table may hold both.
    """
    names = pd.Series(matrix.names, dtype=object)
    feature = ~names.isin(not_features) & ~names.str.fullmatch(SUMMARY_ROWS)
    if declared.prefix:
        feature &= names.str.startswith(declared.prefix)
        _tell_absent_prefix(declared.prefix, bool(feature.any()), matrix.file, found)
    columns = np.flatnonzero(feature.to_numpy(dtype=bool))
    named = names.iloc[columns].str.slice(len(declared.prefix))
    if declared.name_pattern is not None:
        named = named.str.extract(declared.name_pattern, expand=False).fillna(named)
    if declared.names is not None:
        named = _by_table(named, declared.names, matrix.file, folder, found)
    return replace(matrix.take_columns(columns), names=tuple(named))


def _tell_absent_prefix(prefix: str, any_left: bool, file: str, found: Found) -> None:
    if not any_left:
        do = "Correct `prefix` in the study file."
        found.append(error(file, f"has no feature whose name begins with {prefix!r}", do))


def _by_table(names: pd.Series, declared: NameTable, file: str, folder: Path, found: Found) -> pd.Series:
    """Gene of each name, empty text where the table has none or several."""
    path = inside(folder, declared.file, found)
    columns = (declared.name_column, declared.gene_column)
    table = None if path is None else read_text(path, found, columns)
    if table is None or not require_columns(table, columns, found):
        return pd.Series("", index=names.index, dtype=object)
    genes = table.frame[declared.gene_column].str.strip().mask(is_missing(table.frame[declared.gene_column]))
    keys = table.frame[declared.name_column]
    pairs = pd.DataFrame({"name": pd.concat([keys, keys.map(_unversioned)]), "gene": pd.concat([genes] * 2)})
    pairs = pairs.dropna().drop_duplicates()
    several = pairs["gene"].str.contains(_SEVERAL, regex=True) | pairs["name"].duplicated(keep=False)
    gene_of = pairs[~several].set_index("name")["gene"]
    ambiguous = set(pairs.loc[several, "name"])
    symbols = dict(zip(gene_of.index, gene_of, strict=True))
    answers = [symbols.get(name) or symbols.get(_unversioned(name), "") for name in names]
    named = pd.Series(answers, index=names.index, dtype=object)
    _tell_nameless(names[named == ""], len(names), ambiguous, (file, table.name), found)
    return named


def _unversioned(name: str) -> str:
    return ensembl_gene(name) if name_kind(name) == "ensembl" else name


def _tell_nameless(
    nameless: pd.Series, total: int, ambiguous: set[str], files: tuple[str, str], found: Found
) -> None:
    file, table = files
    if len(nameless) == total:
        found.append(error(file, f"shares no feature with {table}", "Check `names` in the study file."))
    elif len(nameless):
        several = int(nameless.isin(ambiguous).sum())
        message = (
            f"{len(nameless)} of {total} features have no gene of their own in {table}, "
            f"{several} of them several ({first_ten(nameless)})"
        )
        found.append(warning(file, message, "They were left out."))
