"""From the names in a configuration to the cohort and the topology they stand for."""

from __future__ import annotations

from pathlib import Path

from metarisk.config.experiment import Experiment, TopologySection
from metarisk.data.cohort import Cohort
from metarisk.errors import ConfigError
from metarisk.pathways.topology import Topology


def read_experiment_cohort(
    experiment: Experiment, topology: Topology, *, base: Path, data_root: Path | None
) -> Cohort:
    """Samples of an experiment: a study read and filtered, or a simulation.

    Parameters
    ----------
    experiment
        Its cohort section names the study; without one it has a simulation.
    topology
        What a simulation's truth runs through.
    base
        Folder that the configuration's paths are relative to.
    data_root
        Folder that the study file's paths are relative to, before the configuration's own.
    """
    from metarisk.train.run import choose_samples

    if experiment.simulation is not None:
        from metarisk.simulate import simulate

        return simulate(experiment.simulation, topology, experiment.tasks, experiment.seed).cohort
    from metarisk.data.study import read_study

    section = experiment.cohort
    if section.study is None:
        raise ConfigError(f"{experiment.name} names no study", do="Set cohort.study.")
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
