"""From the names in a configuration to the cohort, the topology and the pretrained body they stand for."""

from __future__ import annotations

import logging
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.config.experiment import CohortSection, Experiment
from metarisk.config.topology import TopologySection
from metarisk.data.cohort import Cohort
from metarisk.data.found import Found
from metarisk.errors import ConfigError
from metarisk.pathways.topology import Topology

if TYPE_CHECKING:
    from metarisk.models.pretrained import Start

_log = logging.getLogger(__name__)


def read_experiment_cohort(
    experiment: Experiment, topology: Topology, *, base: Path, data_root: Path | None
) -> Cohort:
    """Samples of an experiment: a study read and filtered, several joined, or a simulation.

    Parameters
    ----------
    experiment
        Its cohort section names the study, its cohorts several; without either it has a simulation.
    topology
        What a simulation's truth runs through.
    base
        Folder that the configuration's paths are relative to.
    data_root
        Folder that the study file's paths are relative to, before the configuration's own.
    """
    if experiment.simulation is not None:
        from metarisk.simulate import simulate

        return simulate(experiment.simulation, topology, experiment.tasks, experiment.seed).cohort
    if experiment.cohorts:
        return _join(experiment.cohorts, base, data_root)
    return _read(experiment.cohort, base, data_root)


def read_experiment_start(experiment: Experiment, *, base: Path) -> Start | None:
    """Pretrained body that an experiment starts from, if it names one.

    Raises
    ------
    BundleError
        If the folder is none that `metarisk pretrain` wrote, or was altered.
    """
    from metarisk.models.pretrained import Start, load_pretrained

    training = experiment.training
    if training.pretrained is None:
        return None
    return Start(load_pretrained(base / training.pretrained), training.finetune)


def _join(sections: tuple[CohortSection, ...], base: Path, data_root: Path | None) -> Cohort:
    from metarisk.data.union import Part, join_cohorts

    parts = []
    for section in sections:
        cohort = _read(section, base, data_root)
        parts.append(Part(section.name or cohort.provenance.name, cohort, section.shares_patients))
    told: Found = []
    joined = join_cohorts(parts, told)
    for finding in told:
        _log.warning("%s", finding)
    return joined


def _read(section: CohortSection, base: Path, data_root: Path | None) -> Cohort:
    from metarisk.data.study import read_study
    from metarisk.train.run import choose_samples

    if section.study is None:
        raise ConfigError("a cohort names no study", do="Set cohort.study.")
    root = data_root or (None if section.data_root is None else base / section.data_root)
    return choose_samples(read_study(base / section.study, data_root=root), section)


def read_experiment_topology(section: TopologySection, *, base: Path) -> Topology:
    """Graph of an experiment: the curated circuits, a saved artefact, or a folder of tidy tables.

    Raises
    ------
    TopologyError
        If the folder is none of these.
    """
    from metarisk.pathways.source import CURATED, find_topology

    source = section.source if section.source == CURATED else str(base / section.source)
    return find_topology(source, section.layers, control=section.control, seed=section.seed)
