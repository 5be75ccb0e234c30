from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd

from metarisk.report.differences import draw_differences


def test_a_forest_plot_is_drawn_of_yes_no_and_dated_questions(tmp_path: Path) -> None:
    rows = [
        {
            **{"model": "metarisk", "metric": "auroc", "versus": "boosting", "stratum": stratum},
            **{"endpoint": endpoint, "horizon_days": horizon, "events": 30},
            **{"difference": 0.01, "diff_lower": -0.02, "diff_upper": 0.04},
        }
        for endpoint, horizon in (("site.bone", np.nan), ("metastasis", 365.0))
        for stratum in ("pooled", "within")
    ]
    file = tmp_path / "differences.png"
    draw_differences(pd.DataFrame(rows), "boosting", file)
    assert file.read_bytes().startswith(b"\x89PNG")
