"""How is a log of Claude Code read, in which people, the model, tools, sub-agents and the program itself write?

No schema is published; the shapes are those of logs. A prompt that was taken back (rewound) stays in the log: it and
its answers are left out. One answer is several records of the same ``message.id``. A sub-agent is a session of its own.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from typing import Any

from ion_summary.model import Message, Session
from ion_summary.transcripts import agents, sniff
from ion_summary.transcripts.agents import Growing, between, without_envelopes
from ion_summary.transcripts.chat_messages import done
from ion_summary.transcripts.json_value import a_list, a_text, an_object
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Resume, Source
from ion_summary.transcripts.rooms import MAX_CHARACTERS
from ion_summary.transcripts.stamps import stamp

_SPOKEN = ("user", "assistant")
_OTHERS = frozenset(
    "system summary attachment queue-operation progress file-history-snapshot custom-title ai-title last-prompt".split()
)
_IDS = frozenset({"sessionId", "leafUuid", "messageId"})
_LINKS = ("system", "attachment", "progress")
"""Records that others follow, or in which a prompt may be queued."""
_INJECTED = frozenset(
    "system-reminder task-notification teammate-message ide_opened_file ide_selection ide_diagnostics bash-stdout"
    " bash-stderr local-command-caveat local-command-stdout local-command-stderr user-prompt-submit-hook".split()
)
_INTERRUPTED = "[Request interrupted by user"
_SYNTHETIC = "<synthetic>"
_TITLES = {"summary": "summary", "ai-title": "aiTitle", "custom-title": "customTitle"}
_PLACEHOLDERS = {"image": "[image]", "document": "[document]"}
_FILE_NAME = re.compile(r"([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})\.jsonl$")
_ENTRY_SIZE = 16
"""Characters that a record counts for besides its text: what is remembered of it to find its answers."""
_ROOT = -1


class ClaudeCodeReader:
    """``~/.claude/projects/<project>/<session>.jsonl`` and ``<session>/subagents/agent-*.jsonl``."""

    name = "claude_code"
    zone: str | None = "UTC"

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """Records of ``user`` and ``assistant`` with a ``message`` and the ids of a log."""
        objects = [value for value in sniff.look(head).objects if "payload" not in value]
        spoken = [each for each in objects if each.get("type") in _SPOKEN and isinstance(each.get("message"), dict)]
        if any("sessionId" in value or "uuid" in value for value in spoken):
            return Evidence(97, "records of a user and an assistant with `message` and `sessionId` or `uuid`")
        if any("timestamp" in value for value in spoken):
            return Evidence(88, "records of a user and an assistant with `message` and `timestamp`")
        if any(_is_other(value) and _IDS & value.keys() for value in objects):
            return Evidence(70, "records as Claude Code writes them, without a message so far")
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The sessions of the log. Whatever is added belongs to one of them, so there is no Resume."""
        match = _FILE_NAME.search(source.name)
        log = _Log(match[1] if match else None, options.tz)
        yield from agents.sessions(source, log)


def _is_other(value: dict[str, Any]) -> bool:
    kind = value.get("type")
    return isinstance(kind, str) and kind in _OTHERS


@dataclass(slots=True)
class _Entry:
    """What one record, or one answer of several records, says; ``parent`` is the entry that it answers."""

    parent: int
    human: bool
    messages: list[Message]
    calls: dict[str, int] = field(default_factory=dict)
    """Of each call of a tool, by its id, which of the messages it is."""


@dataclass(slots=True)
class _Session:
    """The entries of one session since its last part."""

    growing: Growing
    entries: list[_Entry] = field(default_factory=list)
    at: dict[str, int] = field(default_factory=dict)
    """By the ``uuid`` of a record which entry it is, or follows."""
    answers: dict[tuple[str, str | None], int] = field(default_factory=dict)
    size: int = 0

    def deliver(self) -> Iterator[Session]:
        """What was said, without what was taken back."""
        for number in _standing(self.entries):
            for message in self.entries[number].messages:
                yield from self.growing.add(message)
        yield from self.growing.deliver()
        self.entries, self.at, self.answers, self.size = [], {}, {}, 0


class _Log:
    """The sessions of one file by session and agent."""

    def __init__(self, file_id: str | None, tz: tzinfo) -> None:
        self._file_id, self._tz = file_id, tz
        self._sessions: dict[tuple[str | None, str | None], _Session] = {}
        self._chains: dict[str, str] = {}
        self._size = 0

    def take(self, value: dict[str, Any]) -> Iterator[Session]:
        """Takes a record; yields a part of the longest session when all together are too long to be held."""
        kind = value.get("type")
        if isinstance(kind, str) and kind in _TITLES:
            self._titled(value, a_text(value.get(_TITLES[kind])))
        if kind not in (*_SPOKEN, *_LINKS):
            return
        session = self._session(value)
        before = session.size
        self._enter(session, value)
        self._size += session.size - before
        if self._size > MAX_CHARACTERS:
            longest = max(self._sessions.values(), key=lambda each: each.size)
            self._size -= longest.size
            yield from longest.deliver()

    def rest(self) -> Iterator[Session]:
        """What has not been delivered yet."""
        for session in self._sessions.values():
            yield from session.deliver()

    def _titled(self, value: dict[str, Any], title: str | None) -> None:
        """A title names its session, or a record of what it sums up, which may be a session of another file."""
        leaf, named = a_text(value.get("leafUuid")), a_text(value.get("sessionId"))
        for (session_id, agent), session in self._sessions.items():
            if title and (leaf in session.at if leaf else session_id == named and not agent):
                session.growing.metadata["title"] = title

    def _session(self, value: dict[str, Any]) -> _Session:
        session_id = a_text(value.get("sessionId")) or self._file_id
        agent = a_text(value.get("agentId")) or (self._chain(value) if value.get("isSidechain") is True else None)
        key = (session_id, agent)
        if key not in self._sessions:
            full_id = f"{session_id}/{agent}" if session_id and agent else session_id or agent
            metadata = {"agent": agent, "parent_session": session_id} if agent else {}
            self._sessions[key] = _Session(Growing(full_id, str(len(self._sessions) + 1), metadata))
        session = self._sessions[key]
        for name, field_name in (("directory", "cwd"), ("branch", "gitBranch")):
            if (found := a_text(value.get(field_name))) and name not in session.growing.metadata:
                session.growing.metadata[name] = found
        return session

    def _chain(self, value: dict[str, Any]) -> str:
        """The agent of a record that names none: the first record of its chain stands for it."""
        uuid, parent = a_text(value.get("uuid")) or "agent", a_text(value.get("parentUuid"))
        self._chains[uuid] = self._chains.get(parent or "", f"agent-{uuid[:8]}")
        return self._chains[uuid]

    def _enter(self, session: _Session, value: dict[str, Any]) -> None:
        uuid = a_text(value.get("uuid"))
        if uuid and uuid in session.at:
            return
        human = _is_prompt(value)
        parent = _parent(session, value, human)
        message = an_object(value.get("message"))
        said = list(_prompt(value, self._tz) if human else _answer(value, message, self._tz))
        number = parent
        key = (message["id"], a_text(value.get("requestId"))) if a_text(message.get("id")) else None
        if said and key in session.answers:
            number = session.answers[key]
            _merge(session.entries[number], said)
        elif said:
            number = len(session.entries)
            entry = _Entry(parent, human, [])
            session.entries.append(entry)
            _merge(entry, said)
            if key:
                session.answers[key] = number
        if said and (model := a_text(message.get("model"))):
            session.growing.metadata["model"] = model
        if uuid:
            session.at[uuid] = number
        session.size += _ENTRY_SIZE + sum(len(each.content) for each, _ in said)


def _parent(session: _Session, value: dict[str, Any], human: bool) -> int:
    """The entry that the record answers. What names none that is known follows the one before it."""
    last = len(session.entries) - 1
    parent = value.get("parentUuid") or value.get("logicalParentUuid")
    if isinstance(parent, str):
        return session.at.get(parent, last)
    return _ROOT if human and "parentUuid" in value else last


def _standing(entries: list[_Entry]) -> Iterator[int]:
    """The entries without prompts that another prompt of the same place took back, and without what answers those."""
    line: set[int] = set()
    number = len(entries) - 1
    while number > _ROOT and number not in line:
        line.add(number)
        number = entries[number].parent
    prompted = {entries[each].parent for each in line if entries[each].human}
    gone: set[int] = set()
    for number, entry in enumerate(entries):
        if number not in line and (entry.parent in gone or (entry.human and entry.parent in prompted)):
            gone.add(number)
        else:
            yield number


_Said = tuple[Message, str | None]
"""A message, and the id of the call if it is one of a tool."""


def _is_prompt(value: dict[str, Any]) -> bool:
    """Whether a person wrote the record: not the program, and not a tool's output."""
    if value.get("isMeta") or value.get("isCompactSummary") or value.get("isVisibleInTranscriptOnly"):
        return False
    if value.get("type") == "attachment":
        return an_object(value.get("attachment")).get("type") == "queued_command"
    return value.get("type") == "user" and "toolUseResult" not in value


def _prompt(value: dict[str, Any], tz: tzinfo) -> Iterator[_Said]:
    attachment = an_object(value.get("attachment"))
    content = attachment.get("prompt") if attachment else an_object(value.get("message")).get("content")
    texts = [content] if isinstance(content, str) else list(_texts(content))
    text = "\n".join(filter(None, map(_typed, texts)))
    if text:
        yield Message("user", text, stamp(value.get("timestamp"), tz)), None


def _texts(content: Any) -> Iterator[str]:
    for block in map(an_object, a_list(content)):
        kind = block.get("type")
        if kind == "text" and isinstance(block.get("text"), str):
            yield block["text"]
        elif isinstance(kind, str) and kind in _PLACEHOLDERS:
            yield _PLACEHOLDERS[kind]


def _typed(text: str) -> str:
    """What was typed: without what the program put around it."""
    if "<" not in text:
        return "" if text.startswith(_INTERRUPTED) else text.strip()
    if command := between(text, "command-name"):
        return f"{command} {between(text, 'command-args') or ''}".strip()
    if shell := between(text, "bash-input"):
        return f"! {shell}"
    text = without_envelopes(text, _INJECTED)
    return "" if text.startswith(_INTERRUPTED) else text


def _answer(value: dict[str, Any], message: dict[str, Any], tz: tzinfo) -> Iterator[_Said]:
    """What the model says and which tools it calls; not what it thinks, nor errors that the program reports for it."""
    if value.get("type") != "assistant" or value.get("isApiErrorMessage") or message.get("model") == _SYNTHETIC:
        return
    when = stamp(value.get("timestamp"), tz)
    content = message.get("content")
    for block in [{"type": "text", "text": content}] if isinstance(content, str) else map(an_object, a_list(content)):
        if block.get("type") == "text" and a_text(block.get("text")):
            yield Message("assistant", block["text"], when), None
        elif block.get("type") == "tool_use" and isinstance(block.get("name"), str):
            call = a_text(block.get("id")) or f"{block['name']}"
            yield Message("tool", done(block["name"], block.get("input")), when), call


def _merge(entry: _Entry, said: list[_Said]) -> None:
    """Adds a later record of the same answer: its blocks are further ones, or longer states of those that are there."""
    messages = entry.messages
    for message, call in said:
        if call is not None and call in entry.calls:
            messages[entry.calls[call]] = message
        elif call is None and (place := _earlier_state(messages, message.content)) is not None:
            messages[place] = max(messages[place], message, key=lambda each: len(each.content))
        else:
            if call is not None:
                entry.calls[call] = len(messages)
            messages.append(message)


def _earlier_state(messages: list[Message], text: str) -> int | None:
    for place, message in enumerate(messages):
        if message.role == "assistant" and (text.startswith(message.content) or message.content.startswith(text)):
            return place
    return None


READER = ClaudeCodeReader()
