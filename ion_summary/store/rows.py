"""What does the catalog know of one line of a partition?"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import tzinfo
from functools import lru_cache
from typing import Any, NamedTuple

from ion_summary.store.hashing import content_number, hash64
from ion_summary.store.layout import to_ms


class Row(NamedTuple):
    """What the catalog knows of one line; times in epoch milliseconds, ``offset`` and ``length`` in bytes."""

    id: int
    session: int
    user: str
    type: int
    created: int
    saved: int
    offset: int
    length: int
    messages: int
    source: str | None
    content: int | None
    derived: bool
    participants: Sequence[str]

    @property
    def names(self) -> Iterable[str]:
        """Whose session it is."""
        return dict.fromkeys((self.user, *self.participants)) if self.participants else (self.user,)


def row_of(
    record: dict[str, Any], session: int, created: int, saved: int, number: int, offset: int, length: int
) -> Row:
    """The row of a record: what is known of it already, and what its members say."""
    metadata = record.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    source = metadata.get("source")
    if isinstance(source, dict):
        source = source.get("name")
    participants = metadata.get("participants")
    messages = record.get("message_count")
    return Row(
        number,
        session,
        record["user_id"],
        int(record.get("summary_type", "llm") == "llm"),
        created,
        saved,
        offset,
        length,
        messages if isinstance(messages, int) and 0 <= messages < 1 << 53 else 0,
        source if isinstance(source, str) else None,
        content_number(metadata.get("content_hash")),
        bool(metadata.get("id_derived")),
        [name for name in participants if isinstance(name, str)] if isinstance(participants, list) else (),
    )


def read_row(record: dict[str, Any], number: int, offset: int, length: int, naive: tzinfo | None) -> Row:
    """The row of a record that was read from a partition. Raises ValueError when its time cannot be read."""
    created = to_ms(record["created_at"], naive)
    metadata = record.get("metadata")
    saved = metadata.get("saved_at") if isinstance(metadata, dict) else None
    saved_ms = _saved_ms(saved, naive) if isinstance(saved, str) else created
    return row_of(record, hash64(record["session_id"]), created, saved_ms, number, offset, length)


_saved_ms = lru_cache(maxsize=256)(to_ms)  # records that are saved together are so at the same moment
