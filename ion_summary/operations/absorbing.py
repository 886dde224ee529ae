"""How does a session that an application has queued get into the store and the queue?

Like one that is ingested: made inert, summarized by the rule, stored with its transcript; then its job is queued,
before the writer's lock is given back. To do it again, after a kill, changes nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from io import BytesIO
from typing import Any

import orjson

from ion_summary.jobs.job import Wanted
from ion_summary.jobs.queue import Queue
from ion_summary.operations.batch import Sorted, sort_batch
from ion_summary.operations.drafts import Draft
from ion_summary.operations.reading import Manner, drafts
from ion_summary.operations.summarizing import summarize_all
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.writing import StoreWriter
from ion_summary.text.clean import one_line
from ion_summary.times import zone
from ion_summary.transcripts import native
from ion_summary.transcripts.files import Spool
from ion_summary.transcripts.reader import Source

SOURCE = "application"


def absorb(storage: SessionSummaryStorage, queue: Queue, items: Sequence[bytes], settle_ms: int) -> list[str]:
    """Stores and queues sessions, each given as JSON: the native format with ``queued_ms``, priority and limits.

    Of a session that is given several times the last counts. A session that is queued already and has grown is due
    ``settle_ms`` later. Returns the ids of the sessions of which no message can be read: they are not stored.
    Raises StoreLockedError, StoreNotWritableError: then nothing has been done.
    """
    asked = {one_line(fields["session_id"]): fields for fields in map(orjson.loads, items)}
    some = list(_drafts(list(asked.values())))
    found = storage.reading(lambda catalog, _: sort_batch(some, catalog, storage.path))
    summaries = {one.number: _summary(one, asked) for one in some}
    with storage.writing() as writer:
        _store(writer, found, some, asked, summaries)
        records = writer.records([one.number for one in some])
        wanted = [
            _wanted(one, asked[one.session_id])
            for one in some
            if one.number in records and records[one.number].summary_type == "rule_based"
        ]
        queue.put(wanted, settle_ms=settle_ms)
    return list(asked.keys() - {one.session_id for one in some})


def session_of(item: bytes) -> str:
    """The session that an item is of."""
    return one_line(orjson.loads(item)["session_id"])


def _drafts(asked: Sequence[dict[str, Any]]) -> list[Draft]:
    data = b"\n".join(orjson.dumps({"metadata": {}, **fields}) for fields in asked)
    source = Source(SOURCE, None, spool=Spool(BytesIO(data)))
    manner = Manner("native", None, SOURCE, zone("UTC"), "none")
    return [item for item in drafts(source, native.READER, manner, None) if isinstance(item, Draft)]


def _summary(one: Draft, asked: dict[str, dict[str, Any]]) -> tuple[str, list[str]]:
    fields = asked[one.session_id]
    ((summary, tags),) = summarize_all([one.messages_json], fields["max_bullets"], fields["max_chars"])
    return summary, tags


def _store(
    writer: StoreWriter,
    found: Sorted,
    some: Sequence[Draft],
    asked: dict[str, dict[str, Any]],
    summaries: dict[int, tuple[str, list[str]]],
) -> None:
    stored = writer.catalog.stored({one.number for one in some})
    wanted = {one.number for one, yes in zip(found.to_store, found.sort_again(stored), strict=True) if yes}
    for one in some:
        before = stored.get(one.number)
        # An application knows what its session is now, also if that is less than before.
        if before and before.content != one.content and asked[one.session_id]["queued_ms"] > before.saved:
            wanted.add(one.number)
    entries = [one.entry(*summaries[one.number], keep_transcript=True) for one in some if one.number in wanted]
    writer.append(entries, stored)


def _wanted(one: Draft, fields: dict[str, Any]) -> Wanted:
    return Wanted(
        session=one.session_id,
        user=one.user_id,
        content=one.content_hash,
        ended_ms=one.created_ms,
        priority=fields["priority"],
        max_bullets=fields["max_bullets"],
        max_chars=fields["max_chars"],
        temperature=fields["temperature"],
    )
