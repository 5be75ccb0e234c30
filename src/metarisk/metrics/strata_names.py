"""What a figure is of: all parts averaged in some way, strata inside them, or one part by its name."""

from __future__ import annotations

POOLED = "pooled"  # over parts by their cases
MEAN = "mean"  # over parts, each alike
BY_SIZE = "by size"  # over parts by their rows
WITHIN = "within"  # over strata, such as cancer types, inside parts by their cases
MEAN_WITHIN = "mean within"  # over strata inside parts, each alike
AVERAGES = (POOLED, WITHIN, MEAN_WITHIN, MEAN, BY_SIZE)  # any other stratum is the name of a part or of one
