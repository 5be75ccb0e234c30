"""Fit and evaluate: members over folds, calibration, held-out figures beside controls."""
