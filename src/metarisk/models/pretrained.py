"""A pretrained graph body: saved without pickle, and begun from by the names of genes and relations."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, NamedTuple, cast

import numpy as np
import torch
from safetensors.torch import load_file, save
from torch import Tensor

from metarisk import __version__
from metarisk.errors import BundleError, first_ten
from metarisk.files import placed, sha256_of
from metarisk.models.network import GeneStates, Network
from metarisk.nn.propagation import RelationalPropagation
from metarisk.pathways.topology import Topology

FORMAT = "metarisk.pretrained"
FORMAT_VERSION = 1
MANIFEST, WEIGHTS = "pretrained.json", "weights.safetensors"
BY_GENE = ("identity", "pooling.attention")
BY_WIRE = ".relation_weight"
BODY = "graph.genes."

Manifest = dict[str, Any]


@dataclass(frozen=True)
class Pretrained:
    """Weights of a `GeneStates`, and the names that their rows stand for.

    Attributes
    ----------
    weights
        As in the module's ``state_dict``.
    genes
        Gene of each row of the weights that have one a gene, length G.
    wires
        Message-passing layer, such as ``states.0`` -> relation and direction of each row of its weights.
    provenance
        Study, licence and hashes that they rest on.
    figures
        How well hidden values were found on held-out patients, one mapping a row.
    sha256
        Hash over all of it; empty until it is saved.
    """

    weights: Mapping[str, Tensor]
    genes: tuple[str, ...]
    wires: Mapping[str, tuple[str, ...]]
    provenance: Mapping[str, Any]
    figures: tuple[Mapping[str, Any], ...] = ()
    sha256: str = field(default="", compare=False)

    @classmethod
    def of(
        cls,
        body: GeneStates,
        topology: Topology,
        provenance: Mapping[str, Any],
        figures: Sequence[Mapping[str, Any]] = (),
    ) -> Pretrained:
        """What was learned by a body over a topology."""
        weights = {name: value.detach().cpu().contiguous() for name, value in body.state_dict().items()}
        return cls(weights, topology.genes, _wires(body), dict(provenance), tuple(figures))

    def note(self, topology: Topology) -> str:
        """A sentence on how much of a topology begins with what was learned before."""
        known = len(set(self.genes) & set(topology.genes))
        study = self.provenance["study"]
        return f"{known} of {len(topology.genes)} genes begin with weights pretrained on {study}."


class Start(NamedTuple):
    """A pretrained body and what of a network that begins with it is fitted.

    Attributes
    ----------
    pretrained
        Where it begins.
    finetune
        ``all``, ``adapters`` or ``heads``; see `TrainingSection`.
    """

    pretrained: Pretrained
    finetune: str

    def begin(self, network: Network, topology: Topology) -> None:
        """Put the weights into a network, gene by gene and relation by relation, and freeze what stays.

        Genes, relations and assays that pretraining did not know keep the weights that they have. What stays
        free has its prior around its first value. A network without genes on a graph is left as it is.

        Raises
        ------
        BundleError
            If the body has another shape, or shares no gene with the topology.
        """
        body = None if network.graph is None else network.graph.genes
        if body is None:
            return
        _check_shape(self.pretrained, body, topology)
        ours, wires = dict(body.named_parameters()), _wires(body)
        for name in sorted(ours.keys() & self.pretrained.weights.keys()):
            parameter = ours[name]
            centre = _moved(self.pretrained, name, parameter, topology.genes, wires)
            parameter.requires_grad_(self.finetune == "all")
            network.prior_centres[BODY + name] = centre


def save_pretrained(pretrained: Pretrained, folder: Path, *, overwrite: bool = False) -> Pretrained:
    """Write a folder of weights and manifest, under its name only when both are on disk; hash filled in.

    Raises
    ------
    OutputError
        If the folder exists and may not be replaced, or cannot be written.
    """
    with placed(folder, overwrite=overwrite, marker=MANIFEST) as draft:
        (draft / WEIGHTS).write_bytes(save(dict(pretrained.weights)))
        manifest: Manifest = {
            "format": FORMAT,
            "format_version": FORMAT_VERSION,
            "metarisk": __version__,
            "genes": list(pretrained.genes),
            "wires": {layer: list(names) for layer, names in pretrained.wires.items()},
            "provenance": dict(pretrained.provenance),
            "figures": [dict(row) for row in pretrained.figures],
            "files": {WEIGHTS: sha256_of(draft / WEIGHTS)},
        }
        manifest["sha256"] = _hash_of(manifest)
        text = json.dumps(manifest, indent=1, allow_nan=False, ensure_ascii=False) + "\n"
        (draft / MANIFEST).write_text(text, encoding="utf-8")
    return replace(pretrained, sha256=manifest["sha256"])


def load_pretrained(folder: Path) -> Pretrained:
    """Read what `save_pretrained` wrote, every hash checked before it is believed.

    Raises
    ------
    BundleError
        If the folder is none of these, is of another format version, or was altered.
    """
    manifest = _read_manifest(folder)
    weights = folder / WEIGHTS
    sound = weights.is_file() and sha256_of(weights) == manifest["files"].get(WEIGHTS)
    if not sound or _hash_of(manifest) != manifest["sha256"]:
        raise BundleError(
            f"{folder.name}: altered since it was saved, or partial",
            expected=f"the SHA-256 of {MANIFEST}",
            do="Copy the whole folder again, or pretrain anew.",
        )
    return Pretrained(
        load_file(weights),
        tuple(manifest["genes"]),
        {layer: tuple(names) for layer, names in manifest["wires"].items()},
        manifest["provenance"],
        tuple(manifest["figures"]),
        manifest["sha256"],
    )


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        manifest: Manifest = json.loads(path.read_text(encoding="utf-8"))
        version = manifest["format_version"] if manifest["format"] == FORMAT else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise BundleError(
            f"{folder}: {MANIFEST} cannot be read ({type(error).__name__})",
            expected="a folder that `metarisk pretrain` wrote",
            do="Check training.pretrained.",
        ) from error
    if version != FORMAT_VERSION:
        raise BundleError(
            f"{folder.name} has pretrained format {version}, written by metarisk {manifest.get('metarisk')}",
            expected=f"format {FORMAT_VERSION}, which metarisk {__version__} reads",
            do="Install the version of metarisk that wrote it, or pretrain anew.",
        )
    return manifest


def _hash_of(manifest: Manifest) -> str:
    told = {key: value for key, value in manifest.items() if key != "sha256"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()


def _wires(body: GeneStates) -> dict[str, tuple[str, ...]]:
    """Relation and direction of each row of each message-passing layer's weights."""
    return {
        f"{part}.{index}": cast("RelationalPropagation", layer).names
        for part in ("effects", "states")
        for index, layer in enumerate(getattr(body, part))
    }


def _check_shape(pretrained: Pretrained, body: GeneStates, topology: Topology) -> None:
    width = pretrained.weights["identity"].shape[1]
    theirs = f"width {width} and layers {first_ten(pretrained.wires)}"
    ours = f"width {body.identity.shape[1]} and layers {first_ten(_wires(body))}"
    if theirs != ours:
        raise BundleError(
            f"the pretrained body has {theirs}",
            expected=f"{ours} as the network",
            do="Set network.width, effect_layers and state_layers to those of pretraining.",
        )
    if not set(pretrained.genes) & set(topology.genes):
        raise BundleError(
            f"the pretrained body knows none of the {len(topology.genes)} genes of the topology",
            do="Pretrain over a topology with the same gene names.",
        )


@torch.no_grad()
def _moved(
    pretrained: Pretrained,
    name: str,
    parameter: Tensor,
    genes: Sequence[str],
    wires: Mapping[str, Sequence[str]],
) -> Tensor:
    """Put the rows of a pretrained weight into a parameter; centre of its prior, 0 for rows not known."""
    value = pretrained.weights[name]
    centre = torch.zeros_like(parameter)
    if name in BY_GENE:
        here, there = _shared(genes, pretrained.genes)
    elif name.endswith(BY_WIRE):
        layer = name.removesuffix(BY_WIRE)
        here, there = _shared(wires[layer], pretrained.wires[layer])
    else:
        here = there = torch.arange(len(parameter))
    centre[here] = value[there].to(parameter)
    parameter[here] = centre[here]
    return centre


def _shared(ours: Sequence[str], theirs: Sequence[str]) -> tuple[Tensor, Tensor]:
    """Places of the names that both have, in ours and in theirs."""
    place = {name: at for at, name in enumerate(theirs)}
    there = np.array([place.get(name, -1) for name in ours], dtype=np.int64)
    here = np.flatnonzero(there >= 0)
    return torch.from_numpy(here), torch.from_numpy(there[here])
