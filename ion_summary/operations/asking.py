"""What is the model asked for each job? The session as it is stored, without personal data if so wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from ion_summary.jobs.job import Job
from ion_summary.model import Message
from ion_summary.operations.identity import content_hash
from ion_summary.store.partition import DamagedLineError
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.transcripts import decode_messages
from ion_summary.summarizers.llm import LlmRequest

NO_TRANSCRIPT = "it is stored without its transcript"
OTHER_TRANSCRIPT = "its transcript is not the one that its record was made of"


@dataclass(frozen=True, slots=True)
class Question:
    """A job and what is asked for it; or, without a request, why nothing can be asked."""

    job: Job
    request: LlmRequest | None
    problem: str = ""


def questions(storage: SessionSummaryStorage, jobs: Sequence[Job], *, redact: bool = False) -> list[Question]:
    """The question of each job, in order."""
    lines = storage.transcript_lines(job.session for job in jobs)
    return [_question(lines.get(job.session), job, redact) for job in jobs]


def _question(line: bytes | None, job: Job, redact: bool) -> Question:
    if line is None:
        return Question(job, None, NO_TRANSCRIPT)
    try:
        messages = decode_messages(line)
    except DamagedLineError as error:
        return Question(job, None, f"its transcript is damaged: {error}")
    if content_hash(messages) != job.content:
        return Question(job, None, OTHER_TRANSCRIPT)
    request = LlmRequest(
        messages=redacted(messages) if redact else messages,
        max_bullets=job.max_bullets,
        max_chars=job.max_chars,
        temperature=job.temperature,
        priority=job.priority,
        key=str(job.id),
    )
    return Question(job, request)


def redacted(messages: Sequence[Message]) -> list[Message]:
    """The messages with marks in place of personal data; the same for the same messages, every time.

    Speakers too: whoever is in nobody's address book is called by the telephone number.
    """
    from ion_summary.text.redaction import Redactor

    texts = Redactor().redact(_texts(messages))
    contents, names = texts[: len(messages)], texts[len(messages) :]
    return [
        replace(message, content=content, name=name or None)
        for message, content, name in zip(messages, contents, names, strict=True)
    ]


def _texts(messages: Sequence[Message]) -> list[str]:
    return [message.content for message in messages] + [message.name or "" for message in messages]


def restored(messages: Sequence[Message], text: str) -> str:
    """``text`` that was made of ``redacted(messages)`` with the data in place of their marks."""
    from ion_summary.text.redaction import Redactor

    redactor = Redactor()
    redactor.redact(_texts(messages))
    return redactor.restore(text)
