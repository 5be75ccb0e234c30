from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from metarisk.report.plots.graph_worth import draw_graph_worth


def test_a_single_share_of_the_patients_is_drawn_without_a_warning(tmp_path: Path) -> None:
    rows = [
        {"topology": name, "auroc": auroc, "lower": auroc - 0.05, "upper": auroc + 0.05}
        for name, auroc in (("metarisk", 0.7), ("rewired", 0.69), ("full", 0.66))
    ]
    table = pd.DataFrame(rows).assign(
        share=1.0, endpoint="site.bone", horizon_days=np.nan, stratum="pooled", seeds=2
    )
    draw_graph_worth(table, tmp_path / "graph.png")
    assert (tmp_path / "graph.png").read_bytes().startswith(b"\x89PNG")
