"""What is to be stored of a session, as soon as it is summarized?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import Any

import orjson

from ion_summary.model import Message, Session, SessionSummary, Turns
from ion_summary.operations.identity import content_hash, derived_id, prefix_numbers, united
from ion_summary.store.hashing import hash64
from ion_summary.store.layout import from_ms
from ion_summary.store.transcripts import encode_messages, encode_transcript, messages_of
from ion_summary.store.writing import Entry

#: Stored with every summary, so that a better rule can find those that a lesser one made.
SUMMARIZER = {"name": "rule", "version": 1}


@dataclass(frozen=True, slots=True)
class Origin:
    """Where sessions come from: ``name`` is what ``--source`` says (else the format), ``file`` the source's name."""

    name: str
    format: str
    file: str
    time_ms: int
    user: str | None


@dataclass(slots=True)
class Draft:
    """A session on its way into the store. Its messages are kept as JSON: objects take five times the memory."""

    session_id: str
    user_id: str
    created_ms: int
    messages_json: bytes
    message_count: int
    content_hash: str
    metadata: dict[str, Any]
    origin: Origin
    place: str
    room: bool
    #: The contents it may have grown from; empty for sessions that have an id of their own or belong to a room.
    prefixes: list[int] = field(default_factory=list)
    #: The catalog's numbers of its id and of its whole content.
    number: int = field(init=False)
    content: int = field(init=False)

    def __post_init__(self) -> None:
        self.number = hash64(self.session_id)
        self.content = int.from_bytes(bytes.fromhex(self.content_hash), "big", signed=True)

    def messages(self) -> list[Message]:
        """The messages as values."""
        return messages_of(orjson.loads(self.messages_json))

    def names(self) -> list[str]:
        """Whose session it is: the user's, and in a room that of everybody who took part."""
        return [self.user_id, *_texts(self.metadata.get("participants"))]

    def united_with(self, stored: list[Message]) -> Draft:
        """The same day of the same room with the messages of both."""
        messages = united(stored, self.messages())
        names = dict.fromkeys(message.name for message in messages if message.name)
        return replace(
            self,
            created_ms=_ended(Turns.of(messages), self.created_ms),
            messages_json=encode_messages(messages),
            message_count=len(messages),
            content_hash=content_hash(messages),
            metadata={**self.metadata, "participants": list(names)},
        )

    def entry(self, summary: str, tags: list[str], keep_transcript: bool) -> Entry:
        """What the store is given."""
        origin = self.origin
        metadata = {
            **self.metadata,
            "tags": list(dict.fromkeys([*_texts(self.metadata.get("tags")), *tags])),
            "source": {"name": origin.name, "format": origin.format, "file": origin.file, "place": self.place},
            "content_hash": self.content_hash,
            "summarizer": SUMMARIZER,
        }
        if self.prefixes:
            metadata["id_derived"] = True
        record = SessionSummary(
            session_id=self.session_id,
            user_id=self.user_id,
            summary=summary,
            summary_type="rule_based",
            created_at=from_ms(self.created_ms),
            message_count=self.message_count,
            summary_length=len(summary),
            metadata=metadata,
        )
        transcript = None
        if keep_transcript:
            transcript = encode_transcript(self.session_id, self.user_id, self.messages_json, self.metadata)
        return Entry(record, self.number, self.created_ms, transcript)


def draft(session: Session, origin: Origin) -> Draft:
    """What is known of a session before anybody has looked into the store."""
    messages = Turns.of(session.messages)
    has_id = session.session_id is not None
    room_user = session.room if origin.user is None else origin.user
    return Draft(
        session_id=session.session_id or derived_id(session, origin.file, origin.format, origin.user),
        user_id=session.user_id or (room_user if session.room is not None else origin.user) or "unknown",
        created_ms=_ended(messages, origin.time_ms),
        messages_json=encode_messages(messages),
        message_count=len(messages),
        content_hash=content_hash(messages),
        metadata=session.metadata,
        origin=origin,
        place=session.place,
        room=session.room is not None,
        prefixes=[] if has_id or session.room is not None else prefix_numbers(messages),
    )


def _ended(messages: Turns, otherwise_ms: int) -> int:
    times = list(filter(None, messages.timestamps))
    return round(max(times).timestamp() * 1000) if times else otherwise_ms


def _texts(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
