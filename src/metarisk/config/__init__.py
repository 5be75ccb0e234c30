"""What an experiment and a study may choose: frozen, complete, unknown keys refused."""

from metarisk.config.experiment import Experiment
from metarisk.config.load import load_experiment, load_study_file
from metarisk.config.study import StudyFile

__all__ = ["Experiment", "StudyFile", "load_experiment", "load_study_file"]
