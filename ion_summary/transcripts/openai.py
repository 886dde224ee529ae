"""How are chats read that are stored as the OpenAI API takes them: ``messages`` of API logs and fine-tuning files?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ion_summary.transcripts import native, sniff
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Resume, Source
from ion_summary.transcripts.records import Record, records

_OUTPUTS = ("tool", "function")


class OpenAiReader:
    """``{"messages": [{"role", "content"}]}`` by lines, in an array or alone, or one bare array of messages."""

    name = "openai"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """Messages of role and content, in ``messages`` or bare."""
        look = sniff.look(head)
        if look.layout == "array" and look.objects and _is_message(look.objects[0]):
            return Evidence(90, "an array of messages with role and content")
        for value in look.objects:
            messages = value.get("messages")
            if isinstance(messages, list) and messages and _is_message(messages[0]):
                return Evidence(90, "objects whose `messages` have role and content")
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:
        """One session for each object, or one for the bare array."""
        bare: list[Any] = []
        for record in records(source, start):
            if not isinstance(record, Record):
                yield record
            elif _is_message(record.value) and "messages" not in record.value:
                bare.append(record.value)
            else:
                yield from native.session(record._replace(value=_as_native(record.value)), source, options)
        if bare:
            yield from native.session(Record(_as_native({"messages": bare}), "1", 1), source, options)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and isinstance(value.get("role"), str)


def _as_native(value: Any) -> Any:
    """What the native format has of it: its ``id`` is a request's, not a session's; a tool's output is no text."""
    if not isinstance(value, dict) or not isinstance(value.get("messages"), list):
        return value
    said = [item for item in value["messages"] if not (_is_message(item) and item["role"] in _OUTPUTS)]
    return {"messages": said, "model": value.get("model")}


READER = OpenAiReader()
