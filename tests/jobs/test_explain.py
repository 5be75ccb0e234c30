from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.metrics import roc_auc_score

from metarisk.cli import run
from metarisk.config import Experiment
from metarisk.data.cohort import Cohort
from metarisk.data.store import cohort_writer, write_cohort
from metarisk.errors import InputError, OutputError
from metarisk.explain.tables import ATTRIBUTIONS, DRIVEN
from metarisk.jobs.explain import NO_GRAPH, Asked, explain
from metarisk.models.bundle import save_bundle
from metarisk.pathways.states import STATE_NAMES
from metarisk.pathways.topology import Topology
from metarisk.simulate import simulate
from metarisk.train.run import train_model

EASY = {
    "name": "easy",
    "simulation": {"samples": 900, "signal": 4.0},
    "features": {
        "direct_genes": 0,
        "min_alterations": 900,
        "numeric": ["age_years"],
        "categorical": ["panel"],
    },
    "tasks": {"sites": ["bone", "liver"]},
    "network": {"width": 4, "effect_layers": 1, "state_layers": 0, "readout": 2, "direct_hidden": 0},
    "training": {"folds": 2, "epochs": 8, "learning_rate": 0.02, "batch_size": 64},
    "evaluation": {"bootstrap": 50, "controls": []},
}
NOTHING = {"samples": 900, "signal": 0.0, "background": 0.0}
KINDS = ("assay", "gene", "edge", "pathway")


def made(folder: Path, topology: Topology, **changes: Any) -> tuple[Path, Path, Any]:
    """Bundle, its held-out cohort, and the simulation."""
    experiment = Experiment.model_validate({**EASY, **changes})
    assert experiment.simulation is not None
    drawn = simulate(experiment.simulation, topology, experiment.tasks, 1)
    trained = train_model(experiment, drawn.cohort, topology, lambda model, epoch: None)
    save_bundle(trained.bundle, folder / "bundle")
    write_cohort(trained.test, folder / "held_out")
    return folder / "bundle", folder / "held_out", drawn


@pytest.fixture(scope="module")
def easy(tmp_path_factory: pytest.TempPathFactory, small_topology: Topology) -> Any:
    folder = tmp_path_factory.mktemp("easy")
    bundle, cohort, drawn = made(folder, small_topology)
    result = explain(str(bundle), cohort, folder / "out", asked=Asked(top=4))
    return result, drawn, bundle, cohort


def table(folder: Path, kind: str) -> pd.DataFrame:
    return pd.read_csv(folder / f"cohort_{kind}s.tsv", sep="\t", na_values=[""], keep_default_na=False)


def test_planted_circuits_genes_and_edges_are_recovered_and_hold_on_new_patients(
    easy: Any, small_topology: Topology
) -> None:
    result, drawn, *_ = easy
    pathways, genes, edges = (table(result.folder, kind) for kind in ("pathway", "gene", "edge"))
    for circuit in drawn.planted:
        named = f"{circuit.endpoint}@365" if circuit.endpoint == "metastasis" else circuit.endpoint
        planted = {gene for gene, effect in zip(small_topology.genes, circuit.effect, strict=True) if effect}
        ranked = pathways[(pathways["answer"] == named) & (pathways["name"] != "family")]
        first = ranked[ranked["rank"] > 0].iloc[0]
        assert first["name"] == circuit.pathway
        assert first["p_adjusted"] < 0.05
        assert not first["unstable"]
        mine = genes[(genes["answer"] == named) & (genes["rank"] > 0)].groupby("name")
        assert roc_auc_score([gene in planted for gene in mine.groups], mine["mean_size"].sum()) > 0.9
        raised = mine["raised"].sum()[sorted(planted)]
        effect = pd.Series(circuit.effect, small_topology.genes)[sorted(planted)]
        turned = -1.0 if circuit.endpoint == "response" else 1.0
        assert (np.sign(raised) == np.sign(turned * effect)).mean() > 0.8
        mine = edges[(edges["answer"] == named) & (edges["rank"] > 0)]
        inside = [{*name.split(" ")[::2]} <= planted for name in mine["name"]]
        assert roc_auc_score(inside, mine["mean_size"]) > 0.9


def test_shares_add_up_and_completeness_says_so(easy: Any) -> None:
    result, *_ = easy
    rows = pd.read_parquet(result.folder / "attributions.parquet")
    assert list(rows.columns) == ATTRIBUTIONS.names
    answers = pd.read_csv(result.folder / "answers.tsv", sep="\t").set_index(["sample_id", "answer"])
    distance = answers["log_odds"] - answers["reference"]
    assert len(distance) == result.samples * 5
    for kind in KINDS:
        own = rows[rows["kind"] == kind]
        total = own.groupby(["sample_id", "answer"], observed=True)["share"].sum()
        far = np.maximum(distance.abs(), 0.1)
        assert ((total.reindex(distance.index) - distance).abs() / far).max() < 0.05
    checks = pd.read_csv(result.folder / "completeness.tsv", sep="\t")
    assert set(checks["kind"]) == set(KINDS)
    assert len(checks) == 5 * len(KINDS)
    assert (checks["over_tolerance"] == 0).all()
    assert (checks["largest_gap"] < 0.05).all()
    assert checks["rank_correlation"].between(-1.0, 1.0).all()


def test_the_folder_holds_states_figures_and_a_summary_and_no_parts(easy: Any) -> None:
    result, _, bundle, _ = easy
    names = {path.name for path in result.folder.iterdir()}
    assert {"states.tsv", "summary.json", "circuits.png", "captions.md", "network_site.bone.svg"} <= names
    assert not [name for name in names if name.endswith(".part")]
    states = pd.read_csv(result.folder / "states.tsv", sep="\t")
    assert len(states) == result.samples * len(STATE_NAMES)
    assert {"training_percentile", "training_type", "training_n", "cohort_percentile"} <= set(states.columns)
    summary = json.loads((result.folder / "summary.json").read_text())
    assert summary["samples"] == result.samples
    assert all(row["tested_with_event"] + row["tested_without"] > 20 for row in summary["answers"])
    assert not list(bundle.parent.glob(".out*"))


def test_where_nothing_is_planted_nothing_holds_on_new_patients(
    tmp_path: Path, small_topology: Topology
) -> None:
    bundle, cohort, _ = made(tmp_path, small_topology, simulation=NOTHING)
    result = explain(str(bundle), cohort, tmp_path / "out")
    p = pd.concat([table(result.folder, kind) for kind in KINDS])
    p = p[p["p"].notna()]
    assert len(p) > 300
    assert (p["p_adjusted"] < 0.05).mean() < 0.02
    assert (p["p"] < 0.05).mean() < 0.15


def test_patients_of_the_training_are_explained_and_not_tested(easy: Any, tmp_path: Path) -> None:
    _, drawn, bundle, _ = easy
    from metarisk.models.bundle import load_bundle

    seen = load_bundle(bundle).training_ids.contains(drawn.cohort.patient_ids)
    write_cohort(drawn.cohort.take(np.flatnonzero(seen)[:30]), tmp_path / "seen")
    result = explain(str(bundle), tmp_path / "seen", tmp_path / "out")
    assert result.samples == 30
    assert table(result.folder, "pathway")["p"].isna().all()
    assert "No outcomes of patients that the model has not seen" in " ".join(result.notes)


def test_one_sample_by_its_id_and_one_answer(easy: Any, tmp_path: Path) -> None:
    result, _, bundle, cohort = easy
    whole = pd.read_csv(result.folder / "answers.tsv", sep="\t")
    name = str(whole["sample_id"].iloc[-1])
    one = explain(str(bundle), cohort, tmp_path / "one", asked=Asked(("site.bone",), (name,)))
    assert one.samples == 1
    alone = pd.read_csv(tmp_path / "one" / "answers.tsv", sep="\t")
    same = whole[(whole["sample_id"] == name) & (whole["answer"] == "site.bone")].reset_index(drop=True)
    pd.testing.assert_frame_equal(alone, same, atol=1e-5)
    assert table(tmp_path / "one", "gene")["p"].isna().all()


def test_bad_requests_are_refused_with_what_to_do_and_leave_nothing(easy: Any, tmp_path: Path) -> None:
    _, _, bundle, cohort = easy
    out = tmp_path / "out"
    with pytest.raises(InputError, match=r"answers no question 'respons'\. Did you mean 'response'\?"):
        explain(str(bundle), cohort, out, asked=Asked(("respons",)))
    with pytest.raises(InputError, match=r"has no sample SIM-99x"):
        explain(str(bundle), cohort, out, asked=Asked(samples=("SIM-99x",)))
    out.mkdir()
    (out / "mine").touch()
    with pytest.raises(OutputError, match=r"has no summary\.json"):
        explain(str(bundle), cohort, out, overwrite=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_a_cohort_that_cannot_be_answered_is_refused(easy: Any, tmp_path: Path) -> None:
    _, drawn, bundle, _ = easy
    silent = drawn.cohort.take(np.arange(4))
    clinical = silent.clinical.assign(age_years=np.nan, panel=None)
    write_cohort(Cohort.join(clinical, [], silent.endpoints, silent.provenance), tmp_path / "silent")
    with pytest.raises(InputError, match=r"none of the samples .*abstained:nothing-measured 4"):
        explain(str(bundle), tmp_path / "silent", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_a_model_without_a_graph_says_so_and_names_what_is_missing(
    tmp_path: Path, small_topology: Topology
) -> None:
    changes = {"network": {"graph": False, "direct_hidden": 0}, "simulation": {"samples": 300}}
    bundle, cohort, _ = made(tmp_path, small_topology, **changes)
    result = explain(str(bundle), cohort, tmp_path / "out")
    assert NO_GRAPH in result.notes
    names = {path.name for path in result.folder.iterdir()}
    assert {"cohort_genes.tsv", "circuits.png"} <= names
    assert not {"cohort_pathways.tsv", "cohort_edges.tsv"} & names
    assert DRIVEN not in (result.folder / "answers.tsv").read_text()


def test_the_command_says_where_everything_lies(
    easy: Any, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, _, bundle, cohort = easy
    words = ["explain", str(bundle), str(cohort), "--out", str(tmp_path / "out"), "--task", "response"]
    assert run([*words, "--samples", "SIM-000899", "--samples", "nobody"]) == 2
    assert "has no sample" in capsys.readouterr().err
    assert run([*words, "--top", "3"]) == 0
    told = capsys.readouterr()
    assert "cohort_pathways.tsv" in told.out
    assert "circuits.png" in told.out
    assert "explaining samples" in told.err
    assert run(words) == 2
    assert "exists" in capsys.readouterr().err


def test_an_id_that_a_spreadsheet_would_run_is_quoted(easy: Any, tmp_path: Path) -> None:
    _, drawn, bundle, _ = easy
    two = drawn.cohort.take(np.array([0, 1]))
    ids = np.array(["=cmd", "<b>x"])
    assays = [replace(part, sample_ids=ids) for part in two.assays.values()]
    clinical, endpoints = (
        part.set_axis(pd.Index(ids, name="sample_id")) for part in (two.clinical, two.endpoints)
    )
    write_cohort(Cohort.join(clinical, assays, endpoints, two.provenance), tmp_path / "odd")
    result = explain(str(bundle), tmp_path / "odd", tmp_path / "out")
    assert "\n=cmd" not in (result.folder / "answers.tsv").read_text()
    rows = pd.read_parquet(result.folder / "attributions.parquet")
    assert set(rows["sample_id"]) == {"=cmd", "<b>x"}  # parquet keeps ids to the letter


PEAK = """
import resource, sys
from pathlib import Path
from metarisk.jobs.explain import Asked, explain
bundle, folder, *sizes = sys.argv[1:]
for times in sizes:
    explain(bundle, Path(folder, f"of{times}"), Path(folder, f"out{times}"), asked=Asked(top=2))
    print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_memory_does_not_grow_with_the_samples(easy: Any, tmp_path: Path) -> None:
    """The peak of a process never falls: one that explains few samples and then many shows what many add."""
    _, drawn, bundle, _ = easy
    for times in (1, 3):
        parts = [renamed(drawn.cohort.take(np.arange(256)), f"-{copy}") for copy in range(times)]
        with cohort_writer(tmp_path / f"of{times}") as writer:
            for part in parts:
                writer.add(part)
    words = [sys.executable, "-c", PEAK, str(bundle), str(tmp_path), "1", "3"]
    ended = subprocess.run(words, capture_output=True, text=True, check=True)
    few_mib, many_mib = map(int, ended.stdout.split())
    for times in (1, 3):
        summary = json.loads((tmp_path / f"out{times}" / "summary.json").read_text())
        assert summary["samples"] == 256 * times
    assert many_mib < few_mib + 20


def renamed(cohort: Cohort, suffix: str) -> Cohort:
    """The same samples of other patients."""
    ids = np.char.add(cohort.sample_ids, suffix)
    index = pd.Index(ids, name="sample_id")
    clinical = cohort.clinical.assign(patient_id=ids).set_axis(index)
    assays = [replace(part, sample_ids=ids) for part in cohort.assays.values()]
    return Cohort.join(clinical, assays, cohort.endpoints.set_axis(index), cohort.provenance)
