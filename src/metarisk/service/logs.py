"""The service's log: what operators need, and nothing that an input or a result says."""

from __future__ import annotations

import logging
import sys
import warnings


def log_for_operators() -> None:
    """Write the service's own lines to stderr, and nobody else's.

    Findings and warnings of the readers name samples and values: they belong to whoever submitted the job,
    who reads them with the job, so they are not logged. Of libraries, the server's warnings are.
    """
    shown = logging.StreamHandler(sys.stderr)
    shown.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s %(message)s"))
    logging.getLogger().addHandler(logging.NullHandler())
    for name, level in (("metarisk.service", logging.INFO), ("uvicorn", logging.WARNING)):
        logger = logging.getLogger(name)
        logger.setLevel(level)
        logger.addHandler(shown)
        logger.propagate = False
    warnings.simplefilter("ignore")
