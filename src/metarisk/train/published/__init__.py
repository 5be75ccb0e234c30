"""Scores that others have published, as they stand: nothing of them is fitted on our patients.

A score ranks patients; it is no probability. `scores` says which there are, what each reads and which
endpoints it answers; `expression` and `loris` compute them.
"""

from metarisk.train.published.scores import RANKS_ONLY, SCORES, PublishedScore, score_answers

__all__ = ["RANKS_ONLY", "SCORES", "PublishedScore", "score_answers"]
