"""What stands in each file of a bundle."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from safetensors.numpy import load_file
from safetensors.numpy import save as arrays_as_bytes
from safetensors.torch import load_file as load_weights
from safetensors.torch import save as tensors_as_bytes

from metarisk.config.experiment import Experiment
from metarisk.features.columns import DirectColumn
from metarisk.features.standardise import AssayScale
from metarisk.features.transform import FeatureTransform
from metarisk.models.bundle import ModelBundle
from metarisk.models.calibration import Calibration
from metarisk.models.conformal_file import sets_of_tree, tree_of_sets
from metarisk.models.ensemble import Ensemble
from metarisk.models.fingerprint import TrainingIds
from metarisk.models.network import Network, NetworkPlan
from metarisk.models.planning import plan_network
from metarisk.models.reference_file import arrays_of_reference, reference_of, tree_of_reference
from metarisk.nn.heads import TaskLayout
from metarisk.pathways.artefact import load_topology, save_topology
from metarisk.schema.assays import Assay

EXPERIMENT, LAYOUT, TRANSFORM = "experiment.json", "layout.json", "transform.json"
SCALES, PLAN, WEIGHTS = "scales.safetensors", "plan.safetensors", "weights.safetensors"
CALIBRATION, SETS, TRAINING_IDS = "calibration.safetensors", "conformal.json", "training_ids.json"
REFERENCE, SPACES = "reference.json", "reference.safetensors"
PROVENANCE, FIGURES, CARD, TOPOLOGY = "provenance.json", "figures.json", "card.md", "topology"
SUBGROUPS = "subgroups.json"


def write_files(bundle: ModelBundle, folder: Path) -> None:
    """Write every part of a bundle into an empty folder."""
    save_topology(bundle.topology, folder / TOPOLOGY)
    _write_json(folder / EXPERIMENT, bundle.experiment.model_dump(mode="json"))
    _write_transform(bundle.transform, folder)
    plan = bundle.ensemble.plan
    _write_json(folder / LAYOUT, _layout_tree(plan.layout))
    _write_arrays(folder / PLAN, {"centre": plan.centre, "scale": plan.scale, "edges": plan.edges})
    weights = {
        f"{member}.{name}": tensor.detach().cpu().contiguous()
        for member, network in enumerate(bundle.ensemble.members)
        for name, tensor in network.state_dict().items()
    }
    (folder / WEIGHTS).write_bytes(tensors_as_bytes(weights))
    _write_calibration(bundle.calibration, folder / CALIBRATION)
    _write_json(folder / SETS, tree_of_sets(bundle.calibration.sets))
    ids = bundle.training_ids
    _write_json(folder / TRAINING_IDS, {"salt": ids.salt, "digests": ids.digests})
    _write_json(folder / REFERENCE, tree_of_reference(bundle.reference))
    _write_arrays(folder / SPACES, arrays_of_reference(bundle.reference))
    _write_json(folder / PROVENANCE, bundle.provenance)
    _write_json(folder / FIGURES, bundle.figures)
    if bundle.subgroups:
        _write_json(folder / SUBGROUPS, bundle.subgroups)
    (folder / CARD).write_text(bundle.card, encoding="utf-8")


def read_files(folder: Path) -> ModelBundle:
    """Read what `write_files` wrote; the caller has checked the hashes."""
    topology = load_topology(folder / TOPOLOGY)
    experiment = Experiment.model_validate(_read_json(folder / EXPERIMENT))
    transform = _read_transform(folder)
    arrays = load_file(folder / PLAN)
    layout = _layout_of(_read_json(folder / LAYOUT))
    plan = plan_network(experiment.network, layout, transform, topology, arrays)
    ids = _read_json(folder / TRAINING_IDS)
    return ModelBundle(
        experiment=experiment,
        topology=topology,
        transform=transform,
        ensemble=Ensemble(plan, topology, _read_members(plan, topology, folder), experiment.training.folds),
        calibration=_read_calibration(folder),
        training_ids=TrainingIds(ids["salt"], tuple(ids["digests"])),
        provenance=_read_json(folder / PROVENANCE),
        figures=tuple(_read_json(folder / FIGURES)),
        card=(folder / CARD).read_text(encoding="utf-8"),
        reference=reference_of(_read_json(folder / REFERENCE), load_file(folder / SPACES)),
        subgroups=tuple(_read_json(folder / SUBGROUPS)) if (folder / SUBGROUPS).is_file() else (),
    )


def _read_members(plan: NetworkPlan, topology: Any, folder: Path) -> list[Network]:
    states: dict[int, dict[str, Any]] = {}
    for key, tensor in load_weights(folder / WEIGHTS).items():
        member, _, name = key.partition(".")
        states.setdefault(int(member), {})[name] = tensor
    members = []
    for member in sorted(states):
        network = Network(plan, topology)
        network.load_state_dict(states[member])
        members.append(network.eval())
    return members


def _write_transform(transform: FeatureTransform, folder: Path) -> None:
    tree = {
        "genes": {assay.value: scale.genes for assay, scale in transform.scales.items()},
        "direct": {assay.value: columns for assay, columns in transform.direct.items()},
        "numeric": transform.numeric,
        "levels": dict(transform.levels),
    }
    _write_json(folder / TRANSFORM, tree)
    arrays = {}
    for assay, scale in transform.scales.items():
        arrays[f"{assay.value}.centre"] = scale.centre
        arrays[f"{assay.value}.spread"] = scale.spread
    _write_arrays(folder / SCALES, arrays)


def _read_transform(folder: Path) -> FeatureTransform:
    tree, arrays = _read_json(folder / TRANSFORM), load_file(folder / SCALES)
    scales = {
        Assay(name): AssayScale(Assay(name), tuple(genes), arrays[f"{name}.centre"], arrays[f"{name}.spread"])
        for name, genes in tree["genes"].items()
    }
    return FeatureTransform(
        scales,
        {Assay(name): tuple(DirectColumn(*at) for at in columns) for name, columns in tree["direct"].items()},
        tuple(tree["numeric"]),
        {name: tuple(levels) for name, levels in tree["levels"].items()},
    )


def _layout_tree(layout: TaskLayout) -> dict[str, Any]:
    return {
        "binary": layout.binary,
        "timed": {name: list(causes) for name, causes in layout.timed.items()},
        "bin_edges_days": {name: list(edges) for name, edges in layout.bin_edges_days.items()},
    }


def _layout_of(tree: Mapping[str, Any]) -> TaskLayout:
    return TaskLayout(
        tuple(tree["binary"]),
        {name: tuple(causes) for name, causes in tree["timed"].items()},
        {name: tuple(edges) for name, edges in tree["bin_edges_days"].items()},
    )


def _write_calibration(calibration: Calibration, path: Path) -> None:
    arrays = {"slope": np.asarray(calibration.slope), "offset": np.asarray(calibration.offset)}
    arrays |= {f"missing.{assay.value}": spread for assay, spread in calibration.missing_spread.items()}
    arrays |= {f"steps.{column}": np.ascontiguousarray(knots) for column, knots in calibration.steps.items()}
    _write_arrays(path, arrays)


def _read_calibration(folder: Path) -> Calibration:
    arrays = load_file(folder / CALIBRATION)
    missing = {Assay(name): spread for name, spread in _under("missing.", arrays).items()}
    steps = {int(name): knots for name, knots in _under("steps.", arrays).items()}
    sets = sets_of_tree(_read_json(folder / SETS))
    return Calibration(arrays["slope"], arrays["offset"], missing, steps, sets)


def _under(prefix: str, arrays: Mapping[str, Any]) -> dict[str, Any]:
    return {name.removeprefix(prefix): array for name, array in arrays.items() if name.startswith(prefix)}


def _write_arrays(path: Path, arrays: dict[str, NDArray[Any]]) -> None:
    """Write as any other file is: the library's own way leaves a file that its owner alone can read."""
    path.write_bytes(arrays_as_bytes(arrays))


def _write_json(path: Path, tree: Any) -> None:
    # Keys keep their order: the transform's order of assays and levels is part of the model.
    path.write_text(json.dumps(tree, indent=1, allow_nan=False, ensure_ascii=False) + "\n", encoding="utf-8")


def _read_json(path: Path) -> Any:
    return json.loads(path.read_text(encoding="utf-8"))
