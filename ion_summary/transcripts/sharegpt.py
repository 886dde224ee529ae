"""How are conversations read in the shape of ShareGPT, as data sets for training hold them?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ion_summary.model import Message, Session
from ion_summary.transcripts import html_text, sniff
from ion_summary.transcripts.chat_messages import done, kind_of, text_of
from ion_summary.transcripts.json_value import JsonError, a_text, an_object, loads
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.records import Record, records
from ion_summary.transcripts.speakers import role_of
from ion_summary.transcripts.stamps import stamp

_ROLES = {"gpt": "assistant", "bing": "assistant", "bard": "assistant", "chatgpt": "assistant", "human": "user"}
_CALLS = frozenset({"function_call", "tool_call"})
_OUTPUTS = frozenset({"tool", "function", "observation", "function_response", "tool_response", "ipython"})
_HTML = ("<div", "<p>", "<p ", "<span", "<ol>", "<ul>", "<pre>")


class ShareGptReader:
    """``{"id", "conversations": [{"from", "value"}]}`` by lines, in an array or alone."""

    name = "sharegpt"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """Objects whose ``conversations`` have ``from`` and ``value``."""
        turns = [turn for value in sniff.look(head).objects for turn in _turns(value) if isinstance(turn, dict)]
        if any("from" in turn and "value" in turn for turn in turns):
            return Evidence(95, "objects whose `conversations` have `from` and `value`")
        if any("role" in turn and "content" in turn for turn in turns):
            return Evidence(85, "objects whose `conversations` have `role` and `content`")
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:
        """One session for each object; a line of JSON Lines is a place of its own, so a growing file can be read on."""
        for record in records(source, start):
            if not isinstance(record, Record):
                yield record
                continue
            if not isinstance(record.value, dict):
                yield Rejected(source.name, record.line, f"{kind_of(record.value)} where a conversation should be")
                continue
            messages = [message for turn in _turns(record.value) for message in _said(an_object(turn), options)]
            if not messages:
                yield Rejected(source.name, record.line, "no `conversations` with text")
                continue
            metadata = {key: text for key in ("title", "model") if (text := a_text(record.value.get(key)))}
            yield Session(_id(record.value.get("id")), None, messages, metadata, record.place)


def _turns(value: dict[str, Any]) -> list[Any]:
    for key in ("conversations", "conversation"):
        if isinstance(value.get(key), list):
            turns: list[Any] = value[key]
            return turns
    return []


def _id(value: Any) -> str | None:
    """An id that names the conversation; a bare number counts the rows of one file."""
    text = a_text(value)
    return None if text is None or text.isdecimal() else text


def _said(turn: dict[str, Any], options: ReadOptions) -> Iterator[Message]:
    speaker = turn.get("from", turn.get("role"))
    word = speaker.strip().lower() if isinstance(speaker, str) else ""
    try:
        text = text_of(turn.get("value", turn.get("content")))
    except ValueError:
        return
    if word in _OUTPUTS or not text.strip():
        return
    when = stamp(turn.get("timestamp"), options.tz)
    if word in _CALLS:
        yield Message("tool", _called(text), when)
        return
    if text.lstrip().startswith(_HTML):
        text = "\n".join(html_text.blocks(text))
    yield Message(_ROLES.get(word) or role_of(word) or "user", text, when, word if word in ("bing", "bard") else None)


def _called(text: str) -> str:
    try:
        call = an_object(loads(text.encode("utf-8", "replace")))
    except JsonError:
        call = {}
    return done(call["name"], call.get("arguments")) if a_text(call.get("name")) else done("tool", text)


READER = ShareGptReader()
