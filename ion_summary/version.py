"""Which version is this? (``importlib.metadata`` knows it too, at five times the cost of starting Python.)"""

from __future__ import annotations

VERSION = "0.1.0"
