"""How is a Claude.ai data export read: conversations that are trees, whose last written branch is what was said?

The export does not say which branch was open: the one that ends at the newest message is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import UTC, datetime, tzinfo
from typing import Any

from ion_summary.model import Message, Session
from ion_summary.transcripts import encoding, json_stream, sniff
from ion_summary.transcripts.chat_messages import done, kind_of
from ion_summary.transcripts.json_value import a_list, a_text, an_object
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.stamps import stamp

_ROLES = {"human": "user", "assistant": "assistant"}
# What stands in the text of a message whose content the writer of the export could not put into words.
_STAND_IN = re.compile(r"\s*(?:```\s*)?This block is not supported on your current device yet\.\s*(?:```\s*)?")
_NOT_CONVERSATIONS = ("conversations_memory", "project_memories", "prompt_template", "full_name")
_EARLIEST = datetime.min.replace(tzinfo=UTC)


class ClaudeReader:
    """``conversations.json``: an array of conversations with ``chat_messages``."""

    name = "claude"
    zone: str | None = "UTC"

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """Objects with ``uuid`` and ``chat_messages``."""
        objects = sniff.look(head).objects
        if any("chat_messages" in value and "uuid" in value for value in objects):
            return Evidence(98, "conversations with `uuid` and `chat_messages`")
        if any("chat_messages" in value for value in objects):
            return Evidence(45, "objects with `chat_messages`, but without a `uuid`")
        if any(key in value for value in objects for key in _NOT_CONVERSATIONS) and any("uuid" in o for o in objects):
            return Evidence(25, "a part of a Claude.ai export that holds no conversations")
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The conversations in the order of the file. It is written anew by each export, so there is no Resume."""
        with source.open() as raw:
            stream, _ = encoding.as_utf8(raw)
            for ordinal, element in enumerate(_conversations(stream), 1):
                if element.problem:
                    yield Rejected(source.name, element.line, element.problem)
                    continue
                try:
                    session = _session(element.value, str(ordinal), options.tz)
                except ValueError as error:
                    yield Rejected(source.name, element.line, str(error))
                    continue
                if session:
                    yield session


def _conversations(stream: Any) -> Iterator[json_stream.Element]:
    """The elements of the array; an object alone is one conversation, whose members are put together again."""
    alone: dict[str, Any] = {}
    for element in json_stream.elements(stream):
        if element.key is None or element.problem:
            yield element
        else:
            alone[element.key] = element.value
    if alone:
        yield json_stream.Element(None, alone, 1)


def _session(conversation: Any, place: str, tz: tzinfo) -> Session | None:
    """One conversation; None for one that was opened and left without a word. Raises ValueError if it is none."""
    if not isinstance(conversation, dict):
        raise ValueError(f"{kind_of(conversation)} where a conversation should be")
    items = conversation.get("chat_messages")
    if not isinstance(items, list):
        raise ValueError("a conversation without `chat_messages`")
    if not items:
        return None
    messages = [message for item in branch(items, tz) for message in _said(item, tz)]
    if not messages:
        raise ValueError("a conversation without text")
    if not any(message.timestamp for message in messages):
        last = messages[-1]
        when = stamp(conversation.get("updated_at") or conversation.get("created_at"), tz)
        messages[-1] = Message(last.role, last.content, when, last.name)
    metadata = {
        "title": a_text(conversation.get("name")),
        "account": a_text(an_object(conversation.get("account")).get("uuid")),
        "summary_of_export": a_text(conversation.get("summary")),
    }
    kept = {key: value for key, value in metadata.items() if value}
    return Session(a_text(conversation.get("uuid")), None, messages, kept, place)


def branch(items: list[Any], tz: tzinfo) -> list[dict[str, Any]]:
    """The messages up to the newest one that nobody answered; all in their order if none names its parent."""
    messages = [item for item in items if isinstance(item, dict)]
    known = {item["uuid"]: item for item in messages if isinstance(item.get("uuid"), str)}
    parents = {item.get("parent_message_uuid") for item in messages if a_text(item.get("parent_message_uuid"))}
    if len(known) < len(messages) or not parents & known.keys():
        return messages
    leaves = [item for item in messages if item["uuid"] not in parents] or messages
    at: dict[str, Any] | None = max(reversed(leaves), key=lambda item: stamp(item.get("created_at"), tz) or _EARLIEST)
    seen: set[str] = set()
    found: list[dict[str, Any]] = []
    while at is not None and at["uuid"] not in seen:
        seen.add(at["uuid"])
        found.append(at)
        parent = at.get("parent_message_uuid")
        at = known.get(parent) if isinstance(parent, str) else None
    return found[::-1]


def _said(item: dict[str, Any], tz: tzinfo) -> Iterator[Message]:
    """What a message says, then the tools that it called. Thinking and what tools answered are no text."""
    sender = item.get("sender")
    role = _ROLES.get(sender) if isinstance(sender, str) else None
    if role is None:
        return
    when = stamp(item.get("created_at"), tz)
    blocks = [block for block in a_list(item.get("content")) if isinstance(block, dict)]
    texts = [block["text"] for block in blocks if block.get("type") in ("text", "voice_note") and _said_in(block)]
    if not texts and _said_in(item):
        texts = [item["text"]]
    text = "\n".join([*texts, *_attached(item)])
    if text.strip():
        yield Message(role, text, when)
    for block in blocks:
        if block.get("type") == "tool_use" and isinstance(block.get("name"), str):
            yield Message("tool", done(block["name"], block.get("input")), when)


def _said_in(value: dict[str, Any]) -> bool:
    text = a_text(value.get("text"))
    return text is not None and not _STAND_IN.fullmatch(text)


def _attached(item: dict[str, Any]) -> Iterator[str]:
    """Names of files, and the text of what was pasted as one."""
    for attachment in map(an_object, a_list(item.get("attachments"))):
        if name := a_text(attachment.get("file_name")):
            yield f"[{name}]"
        if content := a_text(attachment.get("extracted_content")):
            yield content
    for file in map(an_object, a_list(item.get("files"))):
        if name := a_text(file.get("file_name")):
            yield f"[{name}]"


READER = ClaudeReader()
