"""Losses over what is known: an unknown label adds nothing, and no label gives a loss of zero."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional


def binary_loss(logits: Tensor, labels: Tensor, weight: Tensor | None = None) -> Tensor:
    """Cross entropy of each yes / no endpoint, mean over the samples where it is known.

    With weights a rare answer counts more, and the logit is moved by their log ratio inside the loss: the
    best answer to weighted labels is the true log odds plus that shift (King and Zeng, Logistic Regression in
    Rare Events Data, 2001), so what is learned stays the true log odds and needs no later correction.

    Parameters
    ----------
    logits
        Log odds of yes, shape (N, B).
    labels
        1 yes, 0 no, NaN unknown, shape (N, B).
    weight
        How much a no and a yes count, shape (2, B); 1 each where absent.

    Returns
    -------
    Tensor
        Shape (B,); 0 for an endpoint that no sample knows.
    """
    known = ~torch.isnan(labels)
    answer = torch.nan_to_num(labels)
    if weight is not None:
        logits = logits + (weight[1] / weight[0]).log()
    each = functional.binary_cross_entropy_with_logits(logits, answer, reduction="none")
    if weight is not None:
        each = each * torch.where(answer == 1, weight[1], weight[0])
    return each.masked_fill(~known, 0.0).sum(dim=0) / known.sum(dim=0).clamp_min(1)


def discrete_hazard_loss(hazard_logits: Tensor, time_bin: Tensor, event: Tensor) -> Tensor:
    """Negative log likelihood of cause-specific discrete-time hazards, mean over known samples.

    A sample lives through every interval before its last one without an event; in the last one it has the
    event, or, if censored, is counted as free of it there too (Tutz and Schmid, Modeling Discrete
    Time-to-Event Data, 2016, chapters 3 and 8).

    Parameters
    ----------
    hazard_logits
        Log odds of each cause against no event in an interval, shape (N, K, J).
    time_bin
        Interval of the event or of last contact, 0 .. K-1, -1 unknown, shape (N,).
    event
        0 censored, 1 .. J the cause, shape (N,).

    Returns
    -------
    Tensor
        Scalar; 0 if no sample is known.
    """
    none = torch.zeros_like(hazard_logits[..., :1])
    log_hazard = torch.log_softmax(torch.cat([none, hazard_logits], dim=-1), dim=-1)  # (N, K, 1 + J)
    known = time_bin >= 0
    last = time_bin.clamp_min(0)
    interval = torch.arange(hazard_logits.shape[1], device=hazard_logits.device)
    lived = (log_hazard[..., 0] * (interval < last[:, None])).sum(dim=1)
    at_last = log_hazard[torch.arange(len(last), device=last.device), last]  # (N, 1 + J)
    ended = at_last.gather(1, event[:, None]).squeeze(1)
    return -((lived + ended) * known).sum() / known.sum().clamp_min(1)
