"""What is a run on the queue asked to do, and what has come of it?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from ion_summary.errors import ProviderError, UnusableAnswerError
from ion_summary.jobs.job import Failure, Filter, Job
from ion_summary.model import Usage

#: So many failures are named in a report; a worker may run for years.
MOST_NAMED = 10_000
_MOST_UNUSABLE = 3


@dataclass(frozen=True)
class WorkRequest:
    """Which jobs, how many at once (``window``), how many in all (``limit``), and whether texts are redacted before.

    ``watch``: wait for more jobs instead of ending when there are none. ``renew`` is called every now and then, to
    learn what others have spent of a common budget.
    """

    wanted: Filter = field(default_factory=Filter)
    window: int = 32
    limit: int | None = None
    redact: bool = False
    watch: bool = False
    renew: Callable[[], None] = lambda: None


@dataclass
class WorkReport:
    """What came of it. ``fallback`` counts the failed sessions that keep their rule-based summary for good.

    ``stopped`` is why the run ended before the queue did, unless somebody has ``interrupted`` it; ``waiting`` sessions
    are to be tried again later, the first of them in ``next_s`` seconds; ``left`` ones are due and were not asked for.
    """

    done: int = 0
    failed: int = 0
    skipped: int = 0
    fallback: int = 0
    usage: Usage = field(default_factory=Usage)
    cost_usd: float = 0.0
    elapsed_s: float = 0.0
    failures: list[tuple[str, str]] = field(default_factory=list)
    stopped: ProviderError | None = None
    interrupted: bool = False
    waiting: int = 0
    left: int = 0
    next_s: float = 0.0

    def name(self, job: Job, reason: str) -> None:
        """Says why a job was not done."""
        if len(self.failures) < MOST_NAMED:
            self.failures.append((job.session, reason))

    def add(self, other: WorkReport) -> None:
        """Counts what came of another part of the same run; its costs are those of all parts so far."""
        self.done += other.done
        self.failed += other.failed
        self.skipped += other.skipped
        self.fallback += other.fallback
        self.usage, self.cost_usd = other.usage, other.cost_usd
        self.elapsed_s = round(self.elapsed_s + other.elapsed_s, 3)
        self.failures += other.failures[: MOST_NAMED - len(self.failures)]
        self.stopped = self.stopped or other.stopped


def failure(job: Job, error: ProviderError) -> Failure:
    """Why a job was not done, and whether it is tried again: an answer of no use is paid for, so not for ever."""
    useless = isinstance(error, UnusableAnswerError) and job.attempts + 1 >= _MOST_UNUSABLE
    return Failure(error.code, error.reason, not (error.terminal or useless), error.retry_after_s)


def as_document(report: WorkReport) -> dict[str, Any]:
    """The report by the names of CONTRACT's ``summarize --pending --json``."""
    usage = report.usage
    return {
        "done": report.done,
        "failed": report.failed,
        "skipped": report.skipped,
        "fallback": report.fallback,
        "tokens": {"input": usage.input, "output": usage.output, "cached": usage.cached},
        "cost_usd": round(report.cost_usd, 6),
        "elapsed_s": report.elapsed_s,
        "waiting": report.waiting,
        "left": report.left,
        "failures": [{"session_id": session, "reason": reason} for session, reason in report.failures],
    }
