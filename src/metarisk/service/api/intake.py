"""Route of what may be handed in, for whoever asks before they send it."""

from __future__ import annotations

from fastapi import APIRouter, Request

from metarisk.service.api.access import Owner
from metarisk.service.api.answers import IntakeAnswer
from metarisk.service.api.refusals import ERRORS
from metarisk.service.intake import ENDINGS
from metarisk.service.settings import Settings

router = APIRouter(prefix="/v1", tags=["jobs"], responses=ERRORS)


@router.get("/intake")
def show_intake(request: Request, owner: Owner) -> IntakeAnswer:
    """Say which samples a job may be about, how large they may be, and how long its results are kept."""
    settings: Settings = request.app.state.settings
    return IntakeAnswer(
        endings=list(ENDINGS),
        upload_bytes=settings.limits.upload_bytes,
        unpacked_bytes=settings.limits.unpacked_bytes,
        samples=settings.limits.samples,
        paths=bool(settings.roots),
        datasets=sorted(settings.datasets),
        keep_days=settings.keep_days,
    )
