"""The breast cancer set that comes with scikit-survival, as a study folder that metarisk reads.

    python training/breast_transbig.py OUT --data SHARED

198 node-negative, untreated breast cancers of the TRANSBIG series (GSE7390; Desmedt et al., Clin Cancer Res
2007): the 76 probes of the HG-U133A chip that an earlier series had chosen, age, oestrogen receptor, grade
and size, followed to distant metastasis. scikit-survival holds them and is an extra of the tests (GPL), so
the package never imports it, and no row is kept in the project. Probes find their genes in the annotation of
the VDX series, the earlier one, which lists them all: ``breast_dmfs/vdxs_annot.parquet`` of SHARED. Gene
names that have changed since find their successors in ``genes/hgnc_symbols.tsv.gz`` of it.

OUT becomes a data root: ``metarisk benchmark compare CONFIG --data-root OUT``, with the configuration
``configs/benchmarks/breast_transbig.yaml``.
"""

from __future__ import annotations

import argparse
import shutil
from pathlib import Path

import pandas as pd

STUDY, PROBE = "breast_transbig", "X"  # column names of the set are X200726_at
ANNOTATION, NAMES = Path("breast_dmfs", "vdxs_annot.parquet"), Path("genes", "hgnc_symbols.tsv.gz")
UNKNOWN = "unkown"  # as the set spells it


def write_study(out: Path, shared: Path) -> Path:
    """Write the tables below a data root.

    Parameters
    ----------
    out
        Data root to make or to add to.
    shared
        Folder with `ANNOTATION` and `NAMES`.

    Returns
    -------
    Path
        Folder of the study.
    """
    from sksurv.datasets import load_breast_cancer

    measured, seen = load_breast_cancer()
    folder = out / STUDY
    folder.mkdir(parents=True, exist_ok=True)
    (out / NAMES.parent).mkdir(exist_ok=True)
    shutil.copyfile(shared / NAMES, out / NAMES)
    ids = pd.Index([f"TRANSBIG-{number + 1:03d}" for number in range(len(measured))], name="sample")
    probes = measured.filter(regex=rf"^{PROBE}\d").set_axis(ids)
    clinic = measured.drop(columns=probes.columns).set_axis(ids).astype(object)
    clinic = clinic.where(clinic != UNKNOWN)
    clinic["time_days"], clinic["metastasis"] = seen["t.tdm"], seen["e.tdm"].astype(int)
    clinic.to_csv(folder / "clinical.tsv", sep="\t")
    probes.rename(columns=lambda name: name.removeprefix(PROBE)).to_csv(folder / "expression.tsv", sep="\t")
    annotation = pd.read_parquet(shared / ANNOTATION, columns=["probe", "NCBI.gene.symbol"])
    named = annotation[annotation["probe"].isin(probes.columns.str.removeprefix(PROBE))]
    named.set_axis(["probe", "gene"], axis=1).to_csv(folder / "probes.tsv", sep="\t", index=False)
    return folder


def main() -> None:
    """Read the words of the command line and write."""
    words = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    words.add_argument("out", type=Path, help="data root to write")
    words.add_argument("--data", type=Path, required=True, help="folder of the shared data")
    said = words.parse_args()
    write_study(said.out, said.data)


if __name__ == "__main__":
    main()
