"""Put alterations, expression, panels, clinic and outcomes together as a cohort."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
import pandas as pd
from numpy.typing import NDArray
from scipy.special import expit

from metarisk.config.experiment import SimulationSection, TaskSection
from metarisk.data.cohort import AssayTable, Cohort, Provenance
from metarisk.pathways.topology import Topology
from metarisk.schema.assays import Assay
from metarisk.simulate.alterations import Alterations, draw_activities, draw_alterations
from metarisk.simulate.outcomes import draw_outcomes, hazards, response_probability, true_probabilities
from metarisk.simulate.planting import PlantedCircuit, plant

CANCER_TYPES = ("BRCA", "COAD", "LUAD", "PRAD", "SKCM")
MISSING_EXPRESSION, MISSING_COPY_NUMBER = 0.35, 0.15
PANELS = {"PANEL_LARGE": 0.95, "PANEL_SMALL": 0.65}
MEAN_AGE = 62.0
CIRCUIT_SHIFT, COPY_SHIFT, HIDDEN_SHIFT = 0.45, 0.4, 0.35

DoubleArray = NDArray[np.float64]


@dataclass(frozen=True)
class Simulation:
    """A cohort, and what is true of it.

    Attributes
    ----------
    cohort
        What a reader would have returned.
    truth
        True probability of each answer for each sample: endpoints, and ``metastasis@<days>``.
    planted
        The circuits that carry the truth.
    """

    cohort: Cohort
    truth: pd.DataFrame
    planted: tuple[PlantedCircuit, ...]


class _Clinic(NamedTuple):
    cancer_type: NDArray[np.intp]
    age_years: DoubleArray
    panel: NDArray[np.intp]
    treated: NDArray[np.bool_]


def simulate(section: SimulationSection, topology: Topology, tasks: TaskSection, seed: int) -> Simulation:
    """Draw a cohort whose circuits, perturbed, raise risk, choose the organ and block response.

    Parameters
    ----------
    section
        Size and strength.
    topology
        The graph that the truth runs through.
    tasks
        Sites and horizons.
    seed
        Equal seeds give equal cohorts.
    """
    rng = np.random.default_rng(seed)
    sites = [f"site.{site}" for site in tasks.sites]
    planted = plant(topology, ["metastasis", *sites, "response"], rng)
    drawn = draw_activities(planted, section.samples, rng)
    altered = draw_alterations(planted, drawn, len(topology.genes), rng)
    clinic = _draw_clinic(section, rng)
    tmb = (altered.missense.sum(axis=1) + altered.truncating.sum(axis=1)) / 1.1
    activity = {endpoint: section.signal * drawn[endpoint] for endpoint in drawn}
    offset = rng.normal(0.0, 0.5, size=(len(CANCER_TYPES), 1 + len(sites)))[clinic.cancer_type]
    offset *= section.background
    age_effect = section.background * (clinic.age_years - MEAN_AGE)
    metastasis, death = hazards(activity["metastasis"], offset[:, 0], age_effect)
    organ = {site: expit(activity[site] + offset[:, 1 + at] - 0.3) for at, site in enumerate(sites)}
    response = response_probability(activity["response"], tmb, section.background)
    truth = true_probabilities(metastasis, death, organ, response, tasks.horizons_days)
    endpoints = draw_outcomes(metastasis, death, organ, response, rng)
    endpoints.loc[~clinic.treated, "response"] = np.nan
    index = pd.Index(sample_names(section.samples), name="sample_id")
    cohort = Cohort.join(
        _clinical_table(clinic, tmb, altered, index),
        _assays(altered, _expression(altered, planted, drawn, rng), clinic, topology, rng),
        endpoints.set_index(index),
        Provenance(f"simulated-{seed}", "Apache-2.0 (simulated)", ""),
    )
    return Simulation(cohort, truth.set_index(index), tuple(planted))


def _draw_clinic(section: SimulationSection, rng: np.random.Generator) -> _Clinic:
    n_samples = section.samples
    return _Clinic(
        rng.integers(len(CANCER_TYPES), size=n_samples),
        np.clip(rng.normal(MEAN_AGE, 11.0, n_samples), 20.0, 95.0),
        rng.integers(len(PANELS), size=n_samples),
        rng.random(n_samples) < section.treated,
    )


def _clinical_table(
    clinic: _Clinic, tmb: DoubleArray, altered: Alterations, index: pd.Index[str]
) -> pd.DataFrame:
    panels = np.array(list(PANELS))[clinic.panel]
    return pd.DataFrame(
        {
            "patient_id": index.str.replace("SIM-", "PT-").to_numpy(),
            "cancer_type": np.array(CANCER_TYPES)[clinic.cancer_type],
            "age_years": clinic.age_years.round(1),
            "tmb_per_mb": tmb.round(2),
            "fga": (altered.copy_number != 0).mean(axis=1).round(4),
            "panel": panels,
            "therapy_class": ["anti_pd1_pdl1" if treated else None for treated in clinic.treated],
        },
        index=index,
    )


def _assays(
    altered: Alterations,
    expression: DoubleArray,
    clinic: _Clinic,
    topology: Topology,
    rng: np.random.Generator,
) -> list[AssayTable]:
    """Mutations where the panel looks, copy number and expression where they were measured."""
    shares = np.array(list(PANELS.values()))
    n_samples = len(expression)
    on_panel = rng.random(len(topology.genes))[None, :] < shares[clinic.panel][:, None]  # (N, G)
    none = np.zeros_like(altered.missense)  # neither changes in frame nor hotspots are drawn
    calls = np.stack([altered.truncating, altered.missense, none, none], axis=2)
    mutation = np.where(on_panel[..., None], calls, np.nan)
    copy_number = np.where(on_panel, altered.copy_number, np.nan)
    copy_number[rng.random(n_samples) < MISSING_COPY_NUMBER] = np.nan
    expression[rng.random(n_samples) < MISSING_EXPRESSION] = np.nan
    named = (
        (Assay.MUTATION, mutation, "calls"),
        (Assay.COPY_NUMBER, copy_number[..., None], "discrete"),
        (Assay.EXPRESSION, expression[..., None], "log2_tpm"),
    )
    return [_table(assay, values, unit, topology) for assay, values, unit in named]


def _expression(
    altered: Alterations,
    planted: list[PlantedCircuit],
    activities: dict[str, DoubleArray],
    rng: np.random.Generator,
) -> DoubleArray:
    """Levels in log2(TPM + 1), shape (N, G).

    A gene's own base, its circuits' activity along the sign of its effect, its copy number, three hidden
    factors that have nothing to do with any endpoint, and noise.
    """
    n_samples, n_genes = altered.copy_number.shape
    level = rng.uniform(3.0, 9.0, size=n_genes) + COPY_SHIFT * altered.copy_number
    for circuit in planted:
        level += CIRCUIT_SHIFT * activities[circuit.endpoint][:, None] * circuit.effect
    level += rng.normal(size=(n_samples, 3)) @ rng.normal(0.0, HIDDEN_SHIFT, size=(3, n_genes))
    return np.maximum(level + rng.normal(size=(n_samples, n_genes)), 0.0)


def _table(assay: Assay, values: DoubleArray, unit: str, topology: Topology) -> AssayTable:
    ids = np.array(sample_names(len(values)))
    measured = ~np.isnan(values[..., 0]).all(axis=1)
    units = np.where(measured, unit, "")
    return AssayTable(assay, ids, topology.genes, values.astype(np.float32), units)


def sample_names(n_samples: int) -> list[str]:
    """Ids of simulated samples, in order."""
    return [f"SIM-{number:06d}" for number in range(n_samples)]
