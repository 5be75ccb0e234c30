"""Many comparisons on one page: how ours stands against each control, a row a table and kind of question."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from metarisk.metrics.strata_names import AVERAGES, MEAN, MEAN_WITHIN, POOLED
from metarisk.train.decisions import SITE

AUROC, HARRELL_C = "auroc", "harrell_c"
ORGANS, YES_NO, DATED = "organs", "yes or no", "dated"
FAMILY_WISE = 0.05
SHOWN = (MEAN, MEAN_WITHIN, POOLED)  # the first that a table has
FITTED = {"boosting": "boosting", "linear": "ridge", "elastic_net": "elastic net"}
CLINIC = "clinic_only"
GRAPHS = {"no_graph": "no graph", "rewired": "edges rewired", "shuffled_signs": "signs shuffled"}
DIFFERENCES = (
    *("kind", "stratum", "versus", "endpoint", "value"),
    *("difference", "diff_lower", "diff_upper", "sure", "sure_holm"),
)
STANDINGS = (
    *("kind", "stratum", "versus", "questions", "ours", "mean", "least", "most"),
    *("ahead", "behind", "ahead_holm", "behind_holm"),
)


class Line(NamedTuple):
    """Differences of one table's questions of a kind, in one stratum.

    Attributes
    ----------
    table, kind, stratum
        Where they are from.
    points
        Columns `DIFFERENCES`.
    """

    table: str
    kind: str
    stratum: str
    points: pd.DataFrame

    @property
    def label(self) -> str:
        """Table, number of questions, kind, and the stratum where it is not the pooled one."""
        where = "" if self.stratum == POOLED else f", {self.stratum}"
        return f"{self.table}: {self.points['endpoint'].nunique()} {self.kind}{where}"

    @property
    def hardest(self) -> str:
        """The fitted baseline that ours is least ahead of in the mean; empty where there is none."""
        fitted = self.points[self.points["versus"].isin(FITTED)]
        return str(fitted.groupby("versus")["difference"].mean().idxmin()) if len(fitted) else ""

    @property
    def hardest_name(self) -> str:
        """What a reader calls it."""
        return FITTED.get(self.hardest, "")

    @property
    def row(self) -> dict[str, str]:
        """Mean differences as text; in brackets how many are surely ahead (+) and behind (-), if any is."""
        return {
            "questions": self.label,
            "hardest": self.hardest_name,
            "minus hardest": _mean_text(self.versus(self.hardest), 3),
            "minus clinic": _mean_text(self.versus(CLINIC), 3),
            **{f"minus {name}": _mean_text(self.versus(graph), 4) for graph, name in GRAPHS.items()},
        }

    def versus(self, control: str) -> pd.DataFrame:
        """Differences from one control."""
        return self.points[self.points["versus"] == control]


def lines(points: pd.DataFrame) -> list[Line]:
    """What is shown of each table and kind of question: its first stratum of `SHOWN`.

    Controls are fitted baselines, the clinic alone, and other graphs; a table without any is left out.

    Parameters
    ----------
    points
        Columns ``table`` and `DIFFERENCES`.
    """
    made = []
    for (table, kind), group in points.groupby(["table", "kind"], sort=False):
        stratum = next(name for name in SHOWN if name in set(group["stratum"]))
        shown = group[(group["stratum"] == stratum) & group["versus"].isin([*FITTED, CLINIC, *GRAPHS])]
        if len(shown):
            made.append(Line(str(table), str(kind), stratum, shown))
    return made


def differences(figures: pd.DataFrame) -> pd.DataFrame:
    """One difference of ours from each control for each endpoint, by the metric that ranks it.

    Parameters
    ----------
    figures
        Columns `metarisk.train.fold_figures.FOLD_COLUMNS`.

    Returns
    -------
    DataFrame
        Columns `DIFFERENCES`, differences > 0 = ours is better. An endpoint without dates counts by its
        AUROC, one with dates by Harrell's c at its last horizon; averages over parts and strata only.
        ``sure`` and ``sure_holm`` are -1, 0 or 1: the sign of a difference whose 95 % interval leaves zero
        out, and of one that Holm's adjustment leaves.
    """
    last = figures.groupby("endpoint")["horizon_days"].transform("max")
    ranked = ((figures["metric"] == AUROC) & figures["horizon_days"].isna()) | (
        (figures["metric"] == HARRELL_C) & (figures["horizon_days"] == last)
    )
    rows = figures[ranked & (figures["versus"] != "") & figures["stratum"].isin(AVERAGES)]
    rows = rows[rows["difference"].notna()]
    sign = (rows["difference"] > 0).astype(int) - (rows["difference"] < 0).astype(int)
    outside = (rows["diff_lower"] > 0) | (rows["diff_upper"] < 0)
    made = rows.assign(
        kind=[_kind(*pair) for pair in zip(rows["endpoint"], rows["metric"], strict=True)],
        sure=sign.where(outside, 0),
        sure_holm=sign.where(rows["p_holm"] < FAMILY_WISE, 0),
    )
    return made.reindex(columns=list(DIFFERENCES))


def standings(points: pd.DataFrame) -> pd.DataFrame:
    """Means and counts over the endpoints of a kind, one row a kind, stratum and control.

    Parameters
    ----------
    points
        As `differences` gives them.

    Returns
    -------
    DataFrame
        Columns `STANDINGS`: endpoints; mean of ours over them; mean, least and greatest difference; how many
        are surely ahead and behind, before and after Holm's adjustment.
    """
    keys = ["kind", "stratum", "versus"]
    return pd.DataFrame(
        [
            dict(zip(keys, key, strict=True), **_stand(group))
            for key, group in points.groupby(keys, sort=False)
        ],
        columns=list(STANDINGS),
    )


def _stand(group: pd.DataFrame) -> dict[str, object]:
    difference = group["difference"]
    return {
        "questions": len(group),
        "ours": group["value"].mean(),
        "mean": difference.mean(),
        "least": difference.min(),
        "most": difference.max(),
        "ahead": int((group["sure"] > 0).sum()),
        "behind": int((group["sure"] < 0).sum()),
        "ahead_holm": int((group["sure_holm"] > 0).sum()),
        "behind_holm": int((group["sure_holm"] < 0).sum()),
    }


def _kind(endpoint: str, metric: str) -> str:
    if metric == HARRELL_C:
        return DATED
    return ORGANS if endpoint.startswith(SITE) else YES_NO


def _mean_text(points: pd.DataFrame, decimals: int) -> str:
    if points.empty:
        return ""
    counts = {"+": int((points["sure"] > 0).sum()), "-": int((points["sure"] < 0).sum())}
    counted = " ".join(f"{count}{sign}" for sign, count in counts.items() if count)
    return f"{points['difference'].mean():+.{decimals}f}" + (f" ({counted})" if counted else "")
