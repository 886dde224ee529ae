"""What is the model asked for each job? The session as it is stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from ion_summary.jobs.queue import Job
from ion_summary.operations.identity import content_hash
from ion_summary.store.partition import DamagedLineError
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.summarizers.llm import LlmRequest

NO_TRANSCRIPT = "it is stored without its transcript"
OTHER_TRANSCRIPT = "its transcript is not the one that its record was made of"


@dataclass(frozen=True, slots=True)
class Question:
    """A job and what is asked for it; or, without a request, why nothing can be asked."""

    job: Job
    request: LlmRequest | None
    problem: str = ""


def questions(storage: SessionSummaryStorage, jobs: Sequence[Job]) -> list[Question]:
    """The question of each job, in order."""
    return [_question(storage, job) for job in jobs]


def _question(storage: SessionSummaryStorage, job: Job) -> Question:
    try:
        messages = storage.messages(job.session)
    except DamagedLineError as error:
        return Question(job, None, f"its transcript is damaged: {error}")
    if not messages:
        return Question(job, None, NO_TRANSCRIPT)
    if content_hash(messages) != job.content:
        return Question(job, None, OTHER_TRANSCRIPT)
    request = LlmRequest(
        messages=messages,
        max_bullets=job.max_bullets,
        max_chars=job.max_chars,
        temperature=job.temperature,
        priority=job.priority,
        key=str(job.id),
    )
    return Question(job, request)
