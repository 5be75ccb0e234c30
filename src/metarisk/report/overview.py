"""Many comparisons on one page: how ours stands against each control, a row a table and kind of question."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
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
    *("kind", "stratum", "versus", "questions", "ours", "mean", "lower", "upper", "least", "most"),
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
    means
        Columns `STANDINGS`, by control.
    """

    table: str
    kind: str
    stratum: str
    points: pd.DataFrame
    means: pd.DataFrame

    @property
    def label(self) -> str:
        """Table, number of questions, kind, and the stratum where it is not the pooled one."""
        where = "" if self.stratum == POOLED else f", {self.stratum}"
        return f"{self.table}: {self.points['endpoint'].nunique()} {self.kind}{where}"

    @property
    def hardest(self) -> str:
        """The fitted baseline that ours is least ahead of in the mean; empty where there is none."""
        fitted = self.means.loc[self.means.index.isin(FITTED), "mean"]
        return str(fitted.idxmin()) if len(fitted) else ""

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
            "minus hardest": self._mean_text(self.hardest, 3),
            "minus clinic": self._mean_text(CLINIC, 3),
            **{f"minus {name}": self._mean_text(graph, 4) for graph, name in GRAPHS.items()},
        }

    def versus(self, control: str) -> pd.DataFrame:
        """Differences from one control."""
        return self.points[self.points["versus"] == control]

    def _mean_text(self, control: str, decimals: int) -> str:
        if control not in self.means.index:
            return ""
        mean = self.means.loc[control]
        counts = {"+": mean["ahead"], "-": mean["behind"]}
        counted = " ".join(f"{count}{sign}" for sign, count in counts.items() if count)
        return f"{mean['mean']:+.{decimals}f}" + (f" ({counted})" if counted else "")


def lines(points: pd.DataFrame, means: pd.DataFrame) -> list[Line]:
    """What is shown of each table and kind of question: its first stratum of `SHOWN`.

    Controls are fitted baselines, the clinic alone, and other graphs; a table without any is left out.

    Parameters
    ----------
    points
        Columns ``table`` and `DIFFERENCES`.
    means
        Columns ``table`` and `STANDINGS`, of the same tables.
    """
    made = []
    by = ["table", "kind"]
    of = dict(iter(means.groupby(by, sort=False)))
    for (table, kind), group in points.groupby(by, sort=False):
        stratum = next(name for name in SHOWN if name in set(group["stratum"]))
        drawn, told = (
            rows[(rows["stratum"] == stratum) & rows["versus"].isin([*FITTED, CLINIC, *GRAPHS])]
            for rows in (group, of[table, kind])
        )
        if len(drawn):
            made.append(Line(str(table), str(kind), stratum, drawn, told.set_index("versus")))
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


def standings(points: pd.DataFrame, organs: pd.DataFrame | None = None) -> pd.DataFrame:
    """Means and counts over the endpoints of a kind, one row a kind, stratum and control.

    Parameters
    ----------
    points
        As `differences` gives them.
    organs
        The organs as one whole, as `metarisk.train.fold_organs.organ_figures` gives them.

    Returns
    -------
    DataFrame
        Columns `STANDINGS`: endpoints; mean of ours over them; mean difference and its 95 % interval, where
        one endpoint or ``organs`` tell it; least and greatest difference; how many are surely ahead and
        behind, before and after Holm's adjustment.
    """
    keys = ["kind", "stratum", "versus"]
    groups = points.groupby(keys, sort=False)
    table = pd.DataFrame([dict(zip(keys, key, strict=True), **_stand(group)) for key, group in groups])
    if organs is not None and len(table):
        undated = organs[organs["horizon_days"].isna() & (organs["versus"] != "")].assign(kind=ORGANS)
        whole = table.merge(undated[[*keys, "diff_lower", "diff_upper"]], on=keys, how="left")
        table["lower"] = table["lower"].fillna(whole["diff_lower"])
        table["upper"] = table["upper"].fillna(whole["diff_upper"])
    return table.reindex(columns=list(STANDINGS))


def _stand(group: pd.DataFrame) -> dict[str, object]:
    difference = group["difference"]
    lower, upper = group[["diff_lower", "diff_upper"]].iloc[0] if len(group) == 1 else (np.nan, np.nan)
    return {
        "questions": len(group),
        "ours": group["value"].mean(),
        "mean": difference.mean(),
        "lower": lower,
        "upper": upper,
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
