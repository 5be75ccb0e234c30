"""The application: routes, refusals, and the gate around them."""

from __future__ import annotations

from fastapi import FastAPI
from prometheus_client import CollectorRegistry
from sqlalchemy import Engine

from metarisk import __version__
from metarisk.service.api import health, intake, jobs, page, scoring
from metarisk.service.api.gate import Gate
from metarisk.service.api.refusals import install_refusals
from metarisk.service.metrics import JobCollector, latency_in
from metarisk.service.queue import Queue
from metarisk.service.settings import Settings
from metarisk.service.submission import Desk
from metarisk.service.tokens import Tokens
from metarisk.service.warm import WarmModels


def build_app(settings: Settings, engine: Engine) -> FastAPI:
    """The service as an ASGI application.

    Parameters
    ----------
    settings
        The service.
    engine
        Its database.
    """
    # The documentation pages of FastAPI load scripts from elsewhere; the document itself is enough.
    app = FastAPI(
        title="metarisk",
        version=__version__,
        description="Where a tumour will spread, how soon, and whether checkpoint inhibition works. "
        "Research use only.",
        docs_url=None,
        redoc_url=None,
    )
    registry = CollectorRegistry()
    registry.register(JobCollector(engine))
    app.state.settings = settings
    app.state.queue = Queue(engine, lease_s=settings.lease_s)
    app.state.desk = Desk(settings, app.state.queue)
    app.state.tokens = Tokens(engine)
    app.state.warm = WarmModels(settings)
    app.state.registry = registry
    for part in (jobs, intake, scoring, health, page):
        app.include_router(part.router)
    install_refusals(app)
    app.add_middleware(Gate, limits=settings.limits, latency=latency_in(registry))
    return app
