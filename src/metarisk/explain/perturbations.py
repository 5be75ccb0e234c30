"""What can be perturbed: genes, circuits and the targets of classes of drugs, by name."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from metarisk.data.genes import load_genes
from metarisk.errors import InputError, first_ten, nearest
from metarisk.explain.interventions import Effect
from metarisk.pathways.curated import TherapyTarget, therapies
from metarisk.pathways.influence import signed_influence
from metarisk.pathways.topology import Topology

# What a curated class of drugs does to a target; other rows of the table only name its context.
ACTIONS = {"inhibit": Effect.KNOCK_DOWN, "activate": Effect.ACTIVATE}


@dataclass(frozen=True)
class Perturbation:
    """Interventions on one or more genes at once.

    Attributes
    ----------
    kind
        ``gene``, ``circuit``, ``therapy`` or ``pair``.
    name
        Symbol, pathway id, class or drug; the two names of a pair joined by `AND`.
    title
        What is done, in words.
    targets
        Gene and what is done to it; no gene twice.
    source
        Where the targets come from; empty text for a gene.
    """

    kind: str
    name: str
    title: str
    targets: tuple[tuple[str, Effect], ...]
    source: str = ""

    @property
    def key(self) -> frozenset[tuple[str, Effect]]:
        """What it does, whatever it is called."""
        return frozenset(self.targets)


AND = " + "
IN_WORDS = {
    Effect.KNOCK_OUT: "knock-out",
    Effect.KNOCK_DOWN: "knock-down",
    Effect.ACTIVATE: "activation",
}


@dataclass(frozen=True)
class Library:
    """Names that a topology's genes, circuits and drugs have.

    Attributes
    ----------
    topology
        The graph of the model.
    readable
        Genes that some assay of the model reads, on the graph or past it.
    """

    topology: Topology
    readable: frozenset[str]

    def named(self, name: str, effect: Effect) -> Perturbation:
        """Perturbation of a gene, or of a circuit where no gene has the name.

        Raises
        ------
        InputError
            If neither has it; the nearest name is told.
        """
        if name in self.genes:
            return Perturbation("gene", name, f"{IN_WORDS[effect]} of {name}", ((name, effect),))
        if name in self.topology.pathway_index:
            return self.circuit(name, effect)
        raise InputError(
            f"no gene or circuit of the model is named {name!r}",
            expected="a symbol, or a pathway id of the model's topology",
            do=self._nearest(name),
        )

    def circuit(self, name: str, effect: Effect) -> Perturbation:
        """Every member of a circuit, moved so that the circuit's output falls, or rises for an activation.

        Members that raise the output (`signed_influence`) take the effect itself, those that lower it the
        opposite one; a member without influence is left alone.

        Raises
        ------
        InputError
            If the topology has no such circuit, or it has no genes of its own.
        """
        if name not in self.topology.pathway_index:
            raise InputError(
                f"the model's topology has no circuit {name!r}",
                expected="one of its pathway ids",
                do=nearest(name, self.topology.pathways),
            )
        inside = np.flatnonzero(self.topology.member_pathway == self.topology.pathway_index[name])
        targets = tuple(
            (self.topology.genes[self.topology.member_gene[at]], _signed(effect, self.influence[at]))
            for at in inside
            if self.influence[at] != 0.0
        )
        if not targets:
            raise InputError(
                f"{name} has no genes of its own", expected="a circuit with genes", do="Name one below it."
            )
        done = {Effect.KNOCK_OUT: "off", Effect.KNOCK_DOWN: "down", Effect.ACTIVATE: "on"}[effect]
        title = f"{self.topology.title(name)} {done}"
        return Perturbation("circuit", name, title, targets, f"topology {self.topology.name}")

    def therapy(self, name: str) -> Perturbation:
        """Targets of a class of drugs, or of one of its drugs, inhibited or activated as the class does.

        Raises
        ------
        InputError
            If no class or drug has the name, or none of its targets is a gene of the model; the classes that
            have one are named.
        """
        wanted = name.strip().casefold()
        named = [row for row in therapies() if wanted in _names_of(row)]
        if not named:
            classes = {row.therapy_class for row in therapies()}
            drugs = {drug for row in therapies() for drug in _drugs(row)}
            raise InputError(
                f"no class of drugs is named {name!r}",
                expected="a class of the curated table, or a drug of it",
                do=nearest(name, classes if wanted not in drugs else drugs),
            )
        rows = [row for row in named if row.action in ACTIONS and row.gene in self.genes]
        if not rows:
            raise self._without_target(name, named)
        return _of_rows(name, rows, whole=wanted in _class_names(rows[0]))

    def gene_screen(self, effect: Effect) -> list[Perturbation]:
        """The same effect on every gene of the topology that the model can read."""
        return [self.named(gene, effect) for gene in self.topology.genes if gene in self.readable]

    def circuit_screen(self, effect: Effect) -> list[Perturbation]:
        """Every circuit with genes."""
        with_genes = np.unique(self.topology.member_pathway[self.influence != 0.0])
        return [self.circuit(self.topology.pathways[at], effect) for at in with_genes]

    def therapy_screen(self) -> list[Perturbation]:
        """Every class of drugs with a target among the genes."""
        return [self.therapy(name) for name in self.classes]

    @property
    def classes(self) -> tuple[str, ...]:
        """Classes of drugs with a target among the genes, sorted."""
        return tuple(
            sorted(
                {row.therapy_class for row in therapies() if row.action in ACTIONS and row.gene in self.genes}
            )
        )

    @cached_property
    def genes(self) -> frozenset[str]:
        """Genes of the topology, and those that only the flat table reads."""
        return frozenset(self.topology.genes) | self.readable

    @cached_property
    def influence(self) -> NDArray[np.float64]:
        """Signed influence of each membership, see `signed_influence`, shape (M,)."""
        return signed_influence(self.topology)

    def _nearest(self, name: str) -> str:
        """Advice on a name that nothing has: today's symbol of an old one, or the closest spelling."""
        current = sorted(symbols_of(name) & self.genes)
        if current:
            return f"Its symbol today is {' or '.join(current)}."
        capitals = name.upper()
        close = capitals if capitals in self.genes else name
        return nearest(close, (*self.genes, *self.topology.pathways))

    def _without_target(self, name: str, rows: Sequence[TherapyTarget]) -> InputError:
        lowered = [row for row in rows if row.action in ACTIONS]
        if not lowered:
            found = (
                f"{name} is directed at {first_ten(_genes(rows))} without lowering or raising its activity"
            )
        else:
            found = f"no target of {name} ({first_ten(_genes(lowered))}) is a gene of the model"
        return InputError(
            found,
            expected="a class that lowers or raises a gene of the model's topology",
            do=f"Those that do: {', '.join(self.classes) or 'none'}.",
        )


def pair_of(one: Perturbation, two: Perturbation) -> Perturbation | None:
    """Both at once; None where they want unlike things of a gene."""
    merged = dict(one.targets)
    for gene, effect in two.targets:
        if merged.setdefault(gene, effect) != effect:
            return None
    name, title = AND.join([one.name, two.name]), AND.join([one.title, two.title])
    return Perturbation("pair", name, title, tuple(merged.items()))


def _signed(effect: Effect, influence: float) -> Effect:
    return effect if influence > 0.0 else effect.opposite


def _of_rows(name: str, rows: Sequence[TherapyTarget], *, whole: bool) -> Perturbation:
    targets = {row.gene: ACTIONS[row.action] for row in rows}
    title = rows[0].name if whole else f"{name} ({', '.join(targets)})"
    evidence = "; ".join(dict.fromkeys(row.evidence for row in rows))
    shown = rows[0].therapy_class if whole else name
    return Perturbation("therapy", shown, title, tuple(targets.items()), evidence)


def symbols_of(name: str) -> frozenset[str]:
    """Approved symbols that a former symbol or a nickname of a gene stands for, by the embedded table."""
    table = load_genes(None)
    capitals = name.upper()
    return table.previous.get(capitals, frozenset()) | table.aliases.get(capitals, frozenset())


def _names_of(row: TherapyTarget) -> set[str]:
    return _class_names(row) | _drugs(row)


def _class_names(row: TherapyTarget) -> set[str]:
    return {row.therapy_class.casefold(), row.name.casefold()}


def _drugs(row: TherapyTarget) -> set[str]:
    return {
        drug.strip().casefold() for drug in row.example_drugs.replace(",", ";").split(";") if drug.strip()
    }


def _genes(rows: Iterable[TherapyTarget]) -> list[str]:
    return list(dict.fromkeys(row.gene for row in rows))
