"""How does an answer become the record of its session? Under the writer's lock, once, by whichever process is next.

An answer that is kept in the queue is paid. Its record is written afterwards, in groups; a process that is killed in
between leaves that to the next one.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from ion_summary.jobs.job import Failure, Job
from ion_summary.jobs.queue import Queue
from ion_summary.model import SessionSummary
from ion_summary.operations.asking import restored
from ion_summary.operations.recording import decode
from ion_summary.store.hashing import content_number, hash64
from ion_summary.store.layout import to_ms
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.writing import Entry, StoreWriter
from ion_summary.summarizers.llm import LlmSummary

#: So many records are written at once: each of their partitions is synced once for all of them.
GROUP = 256
_ERROR = "llm_error"


def store_answers(storage: SessionSummaryStorage, queue: Queue) -> int:
    """Writes the records of all answers that have none yet; how many jobs that were.

    Raises StoreLockedError, StoreNotWritableError: the answers stay in the queue.
    """
    stored = 0
    while queue.answered(1):
        with storage.writing() as writer:
            # Inside the lock: another worker may have stored some of them while this one waited.
            jobs = queue.answered(GROUP)
            _store(storage, queue, writer, jobs)
        stored += len(jobs)
    return stored


def store_failures(storage: SessionSummaryStorage, failures: Sequence[tuple[Job, Failure]], fingerprint: str) -> None:
    """Notes in the records of sessions why their summary is still the rule-based one."""
    if not failures:
        return
    with storage.writing() as writer:
        records = writer.records([hash64(job.session) for job, _ in failures])
        changed = []
        for job, failure in failures:
            record = records.get(hash64(job.session))
            if record is None or record.summary_type == "llm" or not _is_of(record, job):
                continue
            told = failed(record, failure.code, failure.reason, fingerprint, retried=failure.retry)
            if told != record:
                changed.append(told)
        _append(storage, writer, changed)


def _store(storage: SessionSummaryStorage, queue: Queue, writer: StoreWriter, jobs: Sequence[Job]) -> None:
    records = writer.records([hash64(job.session) for job in jobs])
    changed, gone, done = [], [], []
    for job in jobs:
        record = records.get(hash64(job.session))
        body = queue.result(job.result or "")
        if record is None or body is None:
            gone.append(job)
            continue
        done.append(job)
        if _is_of(record, job) and _result_of(record) != job.result:
            paid = queue.has_paid(job.result or "", job.session)
            summary, fingerprint = decode(body)
            made = {"fingerprint": fingerprint, "result": job.result, "reused": not paid}
            changed.append(upgraded(record, _restored(storage, job, summary), made))
    _append(storage, writer, changed)
    queue.stored(done)
    queue.drop(gone)


def upgraded(record: SessionSummary, summary: LlmSummary, made: Mapping[str, Any]) -> SessionSummary:
    """The record with a model's summary in the place of its own; what else is known of the session stays.

    ``made`` is how: the ``fingerprint`` of prompt and model, the key of the ``result``, and whether it is ``reused``,
    that is, was paid for an equal session.
    """
    usage = summary.usage
    metadata = {name: value for name, value in record.metadata.items() if name != _ERROR}
    metadata |= {
        "tags": list(dict.fromkeys([*summary.tags, *_texts(metadata.get("tags"))])),
        "model": summary.model,
        "language": summary.language,
        "evidence": [list(numbers) for numbers in summary.evidence],
        "flags": [{"bullet": flag.bullet, "kind": flag.kind, "text": flag.text} for flag in summary.flags],
        "usage": {"input": usage.input, "output": usage.output, "cached": usage.cached},
        "cost_usd": 0.0 if made["reused"] else round(summary.cost_usd, 8),
        "calls": summary.calls,
        "summarizer": {"name": "llm", **made},
    }
    return replace(
        record, summary=summary.text, summary_type="llm", summary_length=len(summary.text), metadata=metadata
    )


def failed(record: SessionSummary, code: str, reason: str, fingerprint: str, *, retried: bool) -> SessionSummary:
    """The record, still rule-based, with why the model that ``fingerprint`` names has made no summary."""
    note = {"code": code, "reason": reason, "retried": retried, "asked": fingerprint}
    return replace(record, metadata={**record.metadata, _ERROR: note})


def _append(storage: SessionSummaryStorage, writer: StoreWriter, records: Sequence[SessionSummary]) -> None:
    entries = [
        Entry(record, hash64(record.session_id), to_ms(record.created_at, storage.tz), None) for record in records
    ]
    if entries:
        writer.append(entries, writer.catalog.stored([entry.session for entry in entries]))


def _is_of(record: SessionSummary, job: Job) -> bool:
    """Whether the record is of what the job was to summarize: the session may have grown since."""
    return content_number(record.metadata.get("content_hash")) == content_number(job.content)


def _restored(storage: SessionSummaryStorage, job: Job, summary: LlmSummary) -> LlmSummary:
    """The summary with what was replaced before it was sent: the store holds the session itself as well."""
    if "[" not in summary.text:
        return summary
    messages = storage.messages(job.session) or []
    return replace(summary, text=restored(messages, summary.text))


def _result_of(record: SessionSummary) -> Any:
    made = record.metadata.get("summarizer")
    return made.get("result") if isinstance(made, dict) else None


def _texts(value: Any) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
