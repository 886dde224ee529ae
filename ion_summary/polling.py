"""How does one wait for what cannot be waited for: by asking again and again, for so long?"""

from __future__ import annotations

import time
from collections.abc import Iterator

_PAUSE_S = 0.02


def attempts(seconds: float, pause_s: float = _PAUSE_S) -> Iterator[None]:
    """Yields again and again until so many seconds have passed, once at least, with a pause between."""
    deadline = time.monotonic() + seconds
    yield
    while time.monotonic() < deadline:
        time.sleep(pause_s)
        yield
