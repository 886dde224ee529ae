"""What would it cost to summarize what is not summarized yet? Nobody is asked, and nothing is queued."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ion_summary.config import Settings
from ion_summary.jobs import counting
from ion_summary.jobs.job import Job
from ion_summary.model import Usage
from ion_summary.operations.asking import questions
from ion_summary.operations.llm import fingerprint_of, load_prices, make_estimator
from ion_summary.operations.pending import PendingRequest, wanted_of
from ion_summary.operations.worker import WorkerRequest
from ion_summary.store.storage import SessionSummaryStorage

_GROUP = 200


@dataclass
class Estimate:
    """How many sessions would be asked about, equal ones once, and what that takes; costs in US dollars."""

    model: str
    sessions: int = 0
    equal: int = 0
    skipped: int = 0
    usage: Usage = field(default_factory=Usage)
    online_usd: float = 0.0
    batch_usd: float = 0.0


def estimate_pending(storage: SessionSummaryStorage, settings: Settings, request: WorkerRequest) -> Estimate:
    """What ``summarize --pending`` would cost. Raises StoreNotFoundError, ConfigurationError."""
    storage.require()
    limits = PendingRequest(request.wanted, request.limit, settings.max_bullets, settings.max_chars)
    jobs = (
        Job(0, one.session, one.user, one.content, one.ended_ms, 0, one.max_bullets, one.max_chars, 0.3, 0, None)
        for one in wanted_of(storage, limits, fingerprint_of(settings))
    )
    return _estimate(storage, settings, jobs)


def estimate_queued(storage: SessionSummaryStorage, settings: Settings, request: WorkerRequest) -> Estimate:
    """What ``worker`` would cost. Raises StoreNotFoundError, ConfigurationError."""
    storage.require()
    return _estimate(storage, settings, counting.waiting(storage.path, request.wanted, request.limit))


def _estimate(storage: SessionSummaryStorage, settings: Settings, jobs: Iterable[Job]) -> Estimate:
    summarizer, prices = make_estimator(settings), load_prices(settings)
    found = Estimate(settings.model)
    seen: set[str] = set()
    for group in _groups(jobs):
        fresh = [job for job in group if job.content not in seen]
        found.equal += len(group) - len(fresh)
        seen.update(job.content for job in fresh)
        for question in questions(storage, fresh, redact=settings.redact):
            if question.request is None:
                found.skipped += 1
                continue
            found.sessions += 1
            found.usage += summarizer.estimate(question.request)
    found.online_usd = prices.cost(found.usage, settings.model)
    found.batch_usd = prices.cost(found.usage, settings.model, batch=True)
    return found


def _groups(jobs: Iterable[Job]) -> Iterator[list[Job]]:
    group: list[Job] = []
    for job in jobs:
        group.append(job)
        if len(group) == _GROUP:
            yield group
            group = []
    if group:
        yield group
