"""How is a session of Gemini CLI read: one JSON object, or a log whose later lines change what earlier ones said?"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from ion_summary.model import Message, Session
from ion_summary.transcripts import agents, sniff
from ion_summary.transcripts.agents import Growing, without_envelopes
from ion_summary.transcripts.chat_messages import done
from ion_summary.transcripts.gemini_parts import said_in
from ion_summary.transcripts.json_value import a_list, a_text, an_object
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Resume, Source
from ion_summary.transcripts.rooms import MAX_CHARACTERS
from ion_summary.transcripts.stamps import stamp

_ROLES = {"user": "user", "gemini": "assistant"}
_TYPES = frozenset({*_ROLES, "info", "error", "warning"})
_INJECTED = frozenset({"session_context", "hook_context", "loaded_context"})


class GeminiCliReader:
    """``~/.gemini/tmp/<project>/chats/session-*.jsonl``, and ``.json`` as older versions wrote it."""

    name = "gemini_cli"
    zone: str | None = "UTC"

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """A ``sessionId`` with ``projectHash``, messages of the type ``gemini``, or changes such as ``$rewindTo``."""
        look = sniff.look(head)
        objects = look.objects
        if any("sessionId" in value and ("projectHash" in value or _messages(value)) for value in objects):
            return Evidence(97, "a `sessionId` with `projectHash` or messages of the type `gemini`")
        if any("sessionId" in value and "startTime" in value for value in objects):
            return Evidence(90, "a `sessionId` with `startTime`")
        if look.layout == "lines" and (any(map(_is_message, objects)) or any("$rewindTo" in each for each in objects)):
            return Evidence(80, "messages of the type `gemini`, or `$rewindTo`")
        if look.layout == "array" and any(value.get("role") == "model" and "parts" in value for value in objects):
            return Evidence(35, "a checkpoint of Gemini CLI: the session is in its `chats` directory")
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The session. Any line that is added may change what was said before, so there is no Resume."""
        log = _Log(options.tz)
        yield from agents.sessions(source, log)


def _is_message(value: Any) -> bool:
    return isinstance(value, dict) and value.get("type") == "gemini" and "content" in value


def _messages(value: dict[str, Any]) -> bool:
    return (
        any(isinstance(each, dict) and each.get("type") in ("user", "gemini") for each in a_list(value["messages"]))
        if "messages" in value
        else False
    )


class _Log:
    """The session, as far as it has been read: what each message says, by its id, in order."""

    def __init__(self, tz: tzinfo) -> None:
        self._tz = tz
        self._growing = Growing(None, "1")
        self._said: dict[str, list[Message]] = {}
        self._size = 0
        self._unnamed = 0

    def take(self, value: dict[str, Any]) -> Iterator[Session]:
        """Takes a line; yields a part of the session if it is too long to be held."""
        if isinstance(value.get("$rewindTo"), str):
            self._rewind(value["$rewindTo"])
        elif isinstance(value.get("$set"), dict):
            self._update(value["$set"])
        elif isinstance(value.get("id"), str) and "type" in value:
            self._put(value)
        else:
            self._update(value)
        if self._size > MAX_CHARACTERS:
            yield from self.rest()

    def rest(self) -> Iterator[Session]:
        """What has not been delivered yet."""
        for messages in self._said.values():
            for message in messages:
                yield from self._growing.add(message)
        self._said, self._size = {}, 0
        yield from self._growing.deliver()

    def _update(self, values: dict[str, Any]) -> None:
        self._growing.session_id = a_text(values.get("sessionId")) or self._growing.session_id
        if title := a_text(values.get("summary")):
            self._growing.metadata["title"] = title
        if values.get("kind") == "subagent":
            self._growing.metadata["agent"] = "subagent"
        if isinstance(values.get("messages"), list) and values["messages"]:
            self._said, self._size = {}, 0
            for item in values["messages"]:
                if isinstance(item, dict):
                    self._put(item)

    def _rewind(self, message_id: str) -> None:
        """Forgets that message and all after it; all, if it is unknown, as the program itself does."""
        ids = list(self._said)
        for each in ids[ids.index(message_id) if message_id in self._said else 0 :]:
            self._size -= _size(self._said.pop(each))

    def _put(self, value: dict[str, Any]) -> None:
        """A later message of the same id takes the place of the earlier."""
        message_id = value.get("id")
        if not isinstance(message_id, str):
            self._unnamed += 1
            message_id = f"\x00{self._unnamed}"
        messages = list(self._messages(value))
        self._size += _size(messages) - _size(self._said.get(message_id, []))
        self._said[message_id] = messages

    def _messages(self, value: dict[str, Any]) -> Iterator[Message]:
        kind = value.get("type")
        role = _ROLES.get(kind) if isinstance(kind, str) else None
        if role is None:
            return
        when = stamp(value.get("timestamp"), self._tz)
        # What the user typed is shown; what is sent also holds the files that it names.
        shown = value.get("displayContent") if role == "user" else None
        text = said_in(value.get("content") if shown is None else shown)
        text = without_envelopes(text, _INJECTED) if role == "user" else text
        if text.strip():
            yield Message(role, text, when)
        for call in map(an_object, a_list(value.get("toolCalls"))):
            if name := a_text(call.get("name")):
                yield Message("tool", done(name, call.get("args")), stamp(call.get("timestamp"), self._tz) or when)
        if role == "assistant" and (model := a_text(value.get("model"))):
            self._growing.metadata["model"] = model


def _size(messages: list[Message]) -> int:
    return 16 + sum(len(message.content) for message in messages)


READER = GeminiCliReader()
