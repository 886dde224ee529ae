"""How is a rollout of the Codex CLI read, in which every turn is written twice, and a fork repeats its parent?

A turn is there as ``response_item`` and as ``event_msg``: of each role the first is taken, the second only where there
is none. What a forked or spawned session repeats of its parent's ends where a turn begins that is younger than itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime, tzinfo
from typing import Any

from ion_summary.model import Message, Session
from ion_summary.transcripts import agents, sniff
from ion_summary.transcripts.agents import Growing, without_envelopes
from ion_summary.transcripts.chat_messages import done
from ion_summary.transcripts.json_value import a_list, a_text, an_object
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Resume, Source
from ion_summary.transcripts.rooms import MAX_CHARACTERS
from ion_summary.transcripts.stamps import stamp

_TYPES = frozenset({"session_meta", "response_item", "event_msg", "turn_context", "compacted"})
_ROLES = {"user": "user", "assistant": "assistant"}
_EVENTS = {"user_message": "user", "agent_message": "assistant"}
_INJECTED = frozenset(
    "environment_context user_instructions INSTRUCTIONS turn_aborted skill subagent_notification recommended_plugins"
    " permissions collaboration_mode goal_context user_shell_command".split()
)
_INSTRUCTIONS = "# AGENTS.md"
_PLACEHOLDERS = {"input_image": "[image]", "input_file": "[file]", "input_audio": "[audio]"}
_FILE_NAME = re.compile(r"rollout-.*?([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$")
_UUID7 = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[0-9a-f]{4}-[0-9a-f]{12}$")
_RESPONSE, _EVENT = "response", "event"


class CodexReader:
    """``~/.codex/sessions/YYYY/MM/DD/rollout-<time>-<uuid>.jsonl``."""

    name = "codex"
    zone: str | None = "UTC"

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """Records of a known ``type`` with a ``payload``."""
        objects = sniff.look(head).objects
        if any(_is_record(value) for value in objects):
            return Evidence(97, "records of a rollout: `session_meta`, `response_item` or the like with a `payload`")
        if objects and all({"session_id", "ts", "text"} <= value.keys() for value in objects):
            return Evidence(30, "the history of prompts of Codex: they are in its rollouts too, which have the answers")
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The session. Whatever is added to the file belongs to it, so there is no Resume."""
        match = _FILE_NAME.search(source.name)
        rollout = _Rollout(match[1] if match else None, options.tz)
        yield from agents.sessions(source, rollout)


def _is_record(value: dict[str, Any]) -> bool:
    kind = value.get("type")
    return isinstance(kind, str) and kind in _TYPES and isinstance(value.get("payload"), dict)


class _Rollout:
    """One session, as far as it has been read."""

    def __init__(self, file_id: str | None, tz: tzinfo) -> None:
        self._growing = Growing(file_id, "1")
        self._tz = tz
        self._said: list[tuple[str, Message]] = []
        self._size = 0
        self._known = False
        self._begun_ms: int | None = None
        """When a session was forked whose parent is still being repeated."""
        self._first_prompt: str | None = None
        self._only_first = self._aborted = False

    def take(self, value: dict[str, Any]) -> Iterator[Session]:
        """Takes a record; yields a part of the session if it is too long to be held."""
        payload, when = an_object(value.get("payload")), stamp(value.get("timestamp"), self._tz)
        match value.get("type"):
            case "session_meta":
                self._meta(payload, when)
            case "turn_context":
                self._turn(payload)
            case "response_item":
                for message in self._response(payload, when):
                    self._add(_RESPONSE, message)
            case "event_msg":
                self._event(payload, when)
        if self._size > MAX_CHARACTERS:
            yield from self.rest()

    def rest(self) -> Iterator[Session]:
        """What has not been delivered yet, each turn once."""
        responded = {message.role for origin, message in self._said if origin == _RESPONSE}
        for origin, message in self._said:
            if origin == _RESPONSE or message.role not in responded:
                yield from self._growing.add(message)
        self._said, self._size = [], 0
        yield from self._growing.deliver()

    def _add(self, origin: str, message: Message) -> None:
        self._said.append((origin, message))
        self._size += len(message.content) + 16

    def _meta(self, payload: dict[str, Any], when: datetime | None) -> None:
        """The first one is the session's; a later one is its parent's, repeated."""
        if self._known:
            return
        self._known = True
        session_id = a_text(payload.get("id")) or a_text(payload.get("session_id"))
        self._growing.session_id = session_id or self._growing.session_id
        forked_from = a_text(payload.get("forked_from_id"))
        self._growing.metadata.update(
            directory=a_text(payload.get("cwd")),
            branch=a_text(an_object(payload.get("git")).get("branch")),
            parent_session=forked_from,
        )
        if forked_from:
            begun = stamp(payload.get("timestamp"), self._tz) or when
            self._begun_ms = _uuid7_ms(session_id) or (int(begun.timestamp() * 1000) if begun else None)

    def _turn(self, payload: dict[str, Any]) -> None:
        self._growing.metadata["model"] = a_text(payload.get("model")) or self._growing.metadata.get("model")
        turn_ms = _uuid7_ms(a_text(payload.get("turn_id")))
        if self._begun_ms is not None and turn_ms is not None and turn_ms >= self._begun_ms:
            # All before was the parent's. A fork that never says so is kept whole.
            self._begun_ms, self._first_prompt, self._said, self._size = None, None, [], 0

    def _response(self, payload: dict[str, Any], when: datetime | None) -> Iterator[Message]:
        kind = payload.get("type", "message")
        role = payload.get("role", "assistant" if kind == "agent_message" else None)
        if kind in ("message", "agent_message") and isinstance(role, str) and role in _ROLES:
            texts = _texts(payload.get("content"))
            text = "\n".join(filter(None, map(_typed, texts) if role == "user" else texts))
            if role == "user" and any(each.lstrip().startswith("<turn_aborted>") for each in texts):
                self._abort()
            if text.strip() and not (role == "user" and self._is_repeated(text)):
                yield Message(_ROLES[role], text, when)
        elif called := _call(kind, payload):
            yield Message("tool", called, when)

    def _event(self, payload: dict[str, Any], when: datetime | None) -> None:
        kind, text = payload.get("type"), a_text(payload.get("message"))
        if kind == "turn_aborted":
            self._abort()
        elif text and isinstance(kind, str) and kind in _EVENTS:
            text = _typed(text) if kind == "user_message" else text
            if text:
                self._add(_EVENT, Message(_EVENTS[kind], text, when))

    def _abort(self) -> None:
        self._aborted = self._only_first

    def _is_repeated(self, prompt: str) -> bool:
        """Whether it is the first prompt once more, as Codex writes it after that turn was aborted."""
        if self._first_prompt is None:
            self._first_prompt, self._only_first = prompt, True
            return False
        repeated = self._aborted and self._only_first and prompt == self._first_prompt
        self._aborted = False
        self._only_first &= repeated
        return repeated


def _texts(content: Any) -> list[str]:
    if isinstance(content, str):
        return [content]
    found = []
    for part in map(an_object, a_list(content)):
        kind = part.get("type")
        if isinstance(part.get("text"), str):
            found.append(part["text"])
        elif isinstance(kind, str) and kind in _PLACEHOLDERS:
            found.append(_PLACEHOLDERS[kind])
    return found


def _typed(text: str) -> str:
    """What was typed: without the context that the program puts beside it."""
    if text.startswith(_INSTRUCTIONS):
        return ""
    return without_envelopes(text, _INJECTED) if "<" in text else text.strip()


def _call(kind: Any, payload: dict[str, Any]) -> str | None:
    """Which tool an item calls, if it does."""
    name = a_text(payload.get("name"))
    action = an_object(payload.get("action"))
    if kind == "function_call" and name:
        return done(name, payload.get("arguments"))
    if kind == "custom_tool_call" and name:
        return done(name, payload.get("input"))
    if kind == "local_shell_call":
        return done("shell", {"command": " ".join(map(str, a_list(action.get("command"))))})
    if kind == "web_search_call":
        return done("web_search", {"query": action["query"]} if a_text(action.get("query")) else None)
    return None


def _uuid7_ms(uuid: str | None) -> int | None:
    """The milliseconds since 1970 that a UUID of version 7 begins with (RFC 9562, section 5.7)."""
    return int(uuid[:8] + uuid[9:13], 16) if uuid and _UUID7.match(uuid) else None


READER = CodexReader()
