"""Which store does an application use that names none? The one that the command line would use."""

from __future__ import annotations

import os
from functools import lru_cache
from pathlib import Path

from ion_summary.config import resolve
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.times import zone


def get_session_storage(path: str | os.PathLike[str] | None = None) -> SessionSummaryStorage:
    """The storage at ``path``, or at the place that ``ION_SUMMARY_STORE``, the settings file or the default names.

    The same object for the same settings, so that it may be called wherever a storage is needed.
    Raises ConfigurationError for a bad variable or settings file.
    """
    settings = resolve({"store": None if path is None else Path(path)}, os.environ)
    return _storage(settings.store.absolute(), settings.lock_timeout, settings.tz)


@lru_cache(maxsize=64)
def _storage(path: Path, lock_timeout: float, tz: str) -> SessionSummaryStorage:
    return SessionSummaryStorage(path, lock_timeout=lock_timeout, tz=zone(tz))
