"""Do attributions and screens find what was planted, on seeds that nothing was chosen on?

Usage: python -m tests.explain.planted_screen [--out TABLE.tsv] [--seed 101 --seed 102 ...]

Each seed simulates the quickstart's tumours, trains its model, and asks the held-out patients: where the
planted circuit stands among all circuits by attribution, and what knocking out each gene in turn does. A
planted gene is one that moves the circuit's output in the simulation's truth; "way" is the share of them that
move the answer as the truth does. The quickstart itself has seed 0.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import roc_auc_score

from metarisk.explain.interventions import Effect
from metarisk.explain.matched import GenePlaces, NullPlan
from metarisk.explain.perturbations import Library
from metarisk.explain.screen import Moves, screen
from metarisk.explain.standing import false_discovery, stands_out
from metarisk.jobs.quickstart import embedded_experiment, recovered
from metarisk.pathways.curated import curated_topology
from metarisk.simulate import simulate
from metarisk.simulate.planting import PlantedCircuit
from metarisk.train.run import Trained, train_model

SEEDS = (101, 102, 103)
PATIENTS = 60
CHANCE = 0.05


def rows_of(seed: int) -> Iterator[dict[str, object]]:
    """A row a question of one simulated study."""
    experiment, topology = embedded_experiment(None, seed), curated_topology()
    assert experiment.simulation is not None
    drawn = simulate(experiment.simulation, topology, experiment.tasks, seed)
    trained = train_model(experiment, drawn.cohort, topology, lambda model, epoch: None)
    circuits = {rank.endpoint: rank for rank in recovered(trained, drawn)}
    plan, moves = screened(trained)
    for circuit in drawn.planted:
        rank = circuits[circuit.endpoint]
        for row in told(circuit, plan, moves, trained):
            yield {"seed": seed, **row, "circuit_rank": rank.rank, "circuit_auroc": rank.auroc}


def screened(trained: Trained) -> tuple[NullPlan, Moves]:
    """Every gene of the graph knocked out in held-out patients, and matched genes."""
    bundle = trained.bundle
    cohort = trained.test.take(np.arange(PATIENTS))
    batch = bundle.transform.apply(cohort)
    readable = frozenset(gene for scale in bundle.transform.scales.values() for gene in scale.genes)
    library = Library(bundle.topology, readable)
    genes = sorted(readable & set(bundle.topology.genes))
    plan = NullPlan.of(
        [library.named(gene, Effect.KNOCK_OUT) for gene in genes],
        GenePlaces.of(bundle.transform, batch, bundle.topology),
    )
    return plan, screen(bundle, cohort, plan.perturbations)


def told(
    circuit: PlantedCircuit, plan: NullPlan, moves: Moves, trained: Trained
) -> Iterator[dict[str, object]]:
    """What the screen says of one planted circuit, a row an answer that it moves."""
    genes = [one.targets[0][0] for one in plan.perturbations[: len(plan.nulls)]]
    index = trained.bundle.topology.gene_index
    effect = circuit.effect[[index[gene] for gene in genes]]
    if circuit.endpoint == "response":  # which its circuit lowers
        effect = -effect
    planted, shift = effect != 0, moves.mean(moves.shift)[: len(genes)]
    p = stands_out(moves, plan).p
    for at, asked in enumerate(moves.reader.asked):
        if asked.endpoint != circuit.endpoint:
            continue
        found = false_discovery(p[:, [at]])[:, 0] < CHANCE
        yield {
            "answer": asked.endpoint,
            "horizon_days": asked.horizon_days,
            "circuit": circuit.pathway,
            "genes": len(genes),
            "planted": int(planted.sum()),
            "planted_auroc": roc_auc_score(planted, np.abs(shift[:, at])),
            "way": float(np.mean(np.sign(shift[planted, at]) == -np.sign(effect[planted]))),
            "planted_p_under_05": float(np.mean(p[planted, at] < CHANCE)),
            "others_p_under_05": float(np.mean(p[~planted, at] < CHANCE)),
            "found": int(found.sum()),
            "found_planted": int((found & planted).sum()),
        }


def main(arguments: Sequence[str] | None = None) -> None:
    """Write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--out", type=Path, default=Path("planted_screen.tsv"))
    parser.add_argument("--seed", type=int, action="append")
    options = parser.parse_args(arguments)
    seeds, began = tuple(options.seed or SEEDS), time.perf_counter()
    rows = [row for seed in seeds for row in rows_of(seed)]
    command = " ".join(["python -m tests.explain.planted_screen", *(f"--seed {seed}" for seed in seeds)])
    heading = f"# command: {command}\n# wall_seconds: {time.perf_counter() - began:.0f}\n"
    table = pd.DataFrame(rows)
    body = table.to_csv(sep="\t", index=False, float_format="%.4g")
    options.out.write_text(heading + body, encoding="utf-8")
    print(table.to_string(index=False))
    print("table", options.out)


if __name__ == "__main__":
    main()
