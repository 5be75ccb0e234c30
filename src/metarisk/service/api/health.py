"""Routes of operators: is it alive, is it ready, what does it do."""

from __future__ import annotations

from typing import Any

from fastapi import APIRouter, Request, Response
from fastapi.responses import PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, generate_latest

from metarisk.errors import MetariskError
from metarisk.service.api.access import Owner
from metarisk.service.api.answers import ErrorBody, Health, Ready
from metarisk.service.api.refusals import ERRORS, Refusal
from metarisk.service.queue import Queue
from metarisk.service.settings import Settings
from metarisk.service.warm import WarmModels

NOT_READY: dict[int | str, dict[str, Any]] = {503: {"model": ErrorBody, "description": "Not ready."}}

router = APIRouter(tags=["operation"])


@router.get("/healthz")
def is_alive() -> Health:
    """Say that the process answers."""
    return Health()


@router.get("/readyz", responses=NOT_READY)
def is_ready(request: Request) -> Ready:
    """Say whether the database answers and the default model can be resolved."""
    settings: Settings = request.app.state.settings
    queue: Queue = request.app.state.queue
    warm: WarmModels = request.app.state.warm
    name, _ = settings.model(None)
    try:
        queue.check()
        return Ready(model=name, version=warm.resolution(name).version)
    except MetariskError as error:
        raise Refusal(
            503,
            f"not ready: {type(error).__name__}",
            expected="a database that answers and a model that can be resolved",
            do="See the service's log and its settings.",
        ) from error


@router.get(
    "/metrics",
    response_class=PlainTextResponse,
    responses={**ERRORS, 200: {"content": {"text/plain": {}}, "description": "Prometheus's text format."}},
)
def show_metrics(request: Request, owner: Owner) -> Response:
    """Figures for Prometheus; no id, name or value of an input is among them."""
    registry: CollectorRegistry = request.app.state.registry
    return Response(generate_latest(registry), media_type=CONTENT_TYPE_LATEST)
