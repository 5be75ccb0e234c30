"""Models for small requests: kept in memory, looked at again when their alias may have moved."""

from __future__ import annotations

import logging
import threading
import time
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from metarisk.errors import MetariskError
from metarisk.service.settings import Settings

if TYPE_CHECKING:
    from metarisk.models.bundle import ModelBundle

_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Resolution:
    """What a model's name leads to, and when that was looked at.

    Attributes
    ----------
    folder, version
        The bundle, verified, and its version.
    seen_s
        By the process's own clock.
    """

    folder: Path
    version: str
    seen_s: float


class WarmModels:
    """The models of a service; safe to ask from several threads.

    Parameters
    ----------
    settings
        Names, locations and how often to look.
    """

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._lock = threading.Lock()
        self._seen: dict[str, Resolution] = {}
        self._loaded: dict[str, tuple[Resolution, ModelBundle]] = {}

    def resolution(self, name: str) -> Resolution:
        """What a name of the settings leads to now.

        A registry that does not answer is waited for with the version that it last told.

        Raises
        ------
        BundleError, RegistryError
            If it leads to nothing, and never did.
        """
        with self._lock:
            return self._resolution(name)

    def bundle(self, name: str) -> ModelBundle:
        """The model itself; raises like `resolution`."""
        from metarisk.models.bundle import load_bundle

        with self._lock:
            now = self._resolution(name)
            held = self._loaded.get(name)
            if held is None or (held[0].folder, held[0].version) != (now.folder, now.version):
                held = now, load_bundle(now.folder).as_version(now.version)
                self._loaded[name] = held
                _log.info("model %s: version %s is in memory", name, now.version)
            return held[1]

    def preload(self) -> None:
        """Bring the default model into memory, so that the first small request does not wait for it."""
        name, _ = self._settings.model(None)
        try:
            self.bundle(name)
        except MetariskError as error:
            _log.warning("model %s: not in memory yet (%s)", name, type(error).__name__)

    def _resolution(self, name: str) -> Resolution:
        from metarisk.tracking.registry import resolve

        known, now_s = self._seen.get(name), time.monotonic()
        if known is not None and now_s - known.seen_s < self._settings.refresh_s:
            return known
        try:
            found = resolve(self._settings.models[name], self._settings.tracking_uri)
        except MetariskError as error:
            if known is None:
                raise
            _log.warning("model %s: not looked at anew (%s)", name, type(error).__name__)
            self._seen[name] = replace(known, seen_s=now_s)
        else:
            self._seen[name] = Resolution(found.folder, found.version, now_s)
        return self._seen[name]
