"""AnnData ``.h5ad`` and MuData ``.h5mu``: cohorts written and read back, foreign files, single cells."""

from metarisk.data.annotated.foreign import read_matrix, read_obs
from metarisk.data.annotated.reading import read_h5ad, read_h5mu
from metarisk.data.annotated.writing import write_h5ad, write_h5mu

__all__ = ["read_h5mu", "read_h5ad", "write_h5mu", "write_h5ad", "read_obs", "read_matrix"]
