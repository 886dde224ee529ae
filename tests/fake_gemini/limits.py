"""The service's own rate limit: so many calls a minute, counted by the second or by the minute."""

from __future__ import annotations

import time


class BucketLimit:
    """A token bucket: an even rate, and ``burst_s`` seconds' worth of calls at once."""

    def __init__(self, rpm: float, burst_s: float = 1.0) -> None:
        self._rate, self._room = rpm / 60, max(1.0, rpm / 60 * burst_s)
        self._level, self._at = self._room, time.monotonic()

    def take(self) -> float | None:
        """None: allowed. Else the seconds after which it will be."""
        now = time.monotonic()
        self._level = min(self._room, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level >= 1:
            self._level -= 1
            return None
        return (1 - self._level) / self._rate


class WindowLimit:
    """So many calls in each minute, beginning with the first call."""

    def __init__(self, rpm: float, window_s: float = 60.0) -> None:
        self._most, self._window_s = rpm * window_s / 60, window_s
        self._began, self._count = -window_s, 0

    def take(self) -> float | None:
        """As that of BucketLimit."""
        now = time.monotonic()
        if now - self._began >= self._window_s:
            self._began, self._count = now, 0
        if self._count < self._most:
            self._count += 1
            return None
        return self._began + self._window_s - now
