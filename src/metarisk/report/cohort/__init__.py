"""The page of an evaluation or a training, and the files beside it."""

from metarisk.report.cohort.page import cohort_page
from metarisk.report.cohort.told import Curves, Model, Told

__all__ = ["Curves", "Model", "Told", "cohort_page"]
