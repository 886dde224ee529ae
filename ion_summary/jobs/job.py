"""What is a job: what is wanted, which jobs are meant, and how can one end?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import orjson

#: Those of a ``Job``.
COLUMNS = "id, session, user, content, ended_ms, priority, max_bullets, max_chars, temperature, attempts, result"


@dataclass(frozen=True, slots=True)
class Wanted:
    """A summary that is to be made: of the session as it is with that ``content`` (a hash of what was said).

    ``ended_ms`` is when the session ended; higher priorities are worked off first, then what was queued first.
    """

    session: str
    user: str
    content: str
    ended_ms: int
    priority: int = 0
    max_bullets: int = 8
    max_chars: int = 800
    temperature: float = 0.3


@dataclass(frozen=True, slots=True)
class Job:
    """A job in the hands of its owner. ``result`` is the key of its result once it is answered."""

    id: int
    session: str
    user: str
    content: str
    ended_ms: int
    priority: int
    max_bullets: int
    max_chars: int
    temperature: float
    attempts: int
    result: str | None


@dataclass(frozen=True, slots=True)
class Filter:
    """Which jobs are to be worked on. Times in epoch milliseconds, inclusive; None: whatever it is."""

    user: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    sessions: tuple[str, ...] | None = None

    def where(self) -> tuple[str, list[Any]]:
        """As a condition of SQL, and its values."""
        parts, values = ["TRUE"], list[Any]()
        for part, value in (
            ("user = ?", self.user),
            ("ended_ms >= ?", self.since_ms),
            ("ended_ms <= ?", self.until_ms),
            ("session IN (SELECT value FROM json_each(?))", self._listed()),
        ):
            if value is not None:
                parts.append(part)
                values.append(value)
        return " AND ".join(parts), values

    def _listed(self) -> str | None:
        return None if self.sessions is None else orjson.dumps(self.sessions).decode()


@dataclass(frozen=True, slots=True)
class Failure:
    """Why a job was not done: the error's ``code`` and ``reason``; when to try again, None for never."""

    code: str
    reason: str
    retry: bool
    retry_after_s: float | None = None


@dataclass(frozen=True, slots=True)
class Answer:
    """What a job was answered: the key of the result, and the result as JSON (None: it is stored already)."""

    job: Job
    key: str
    body: str | None
