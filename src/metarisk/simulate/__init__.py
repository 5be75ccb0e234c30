"""A cohort whose truth runs through the topology, so that recovery can be checked."""

from metarisk.simulate.cohort import Simulation, simulate

__all__ = ["Simulation", "simulate"]
