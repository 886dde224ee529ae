"""How is a Slack export read: a channel's days, one JSON file each, with the people listed beside the channels?

A channel is one room, whose days go by the reader's zone and not by the export's. A reply in a thread stands where it
was said, whatever day the thread began.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from io import SEEK_END
from itertools import islice
from typing import Any
from unicodedata import normalize

from ion_summary.model import Message
from ion_summary.transcripts import rooms, sniff
from ion_summary.transcripts.json_value import a_list, a_text, an_object
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.records import elements_of
from ion_summary.transcripts.rooms import Room, Spoken
from ion_summary.transcripts.slack_text import said
from ion_summary.transcripts.stamps import stamp

_LISTS = ("channels", "groups", "dms", "mpims")
_TS = re.compile(r"\d{9,11}\.\d{1,9}", re.ASCII)
_MAX_SEEN = 100_000
"""Messages among which a second one of the same id is noticed: a reply that was sent to the channel too stands near."""
_MAX_LISTED = 1_000_000
"""People or channels of one list; nobody has more."""
# The room's own messages: who came and went, what was renamed, pinned or deleted.
_NOTICE = re.compile(
    r"(?:channel|group)_|pinned_item$|unpinned_item$|bot_(?:add|remove|enable|disable)$|reminder_|tombstone$|huddle_thread$"
    r"|sh_room_|message_(?:deleted|changed|replied)$|joiner_notification|app_conversation_join$|ekm_access_denied$"
)


class SlackReader:
    """One session for each local day of a channel, a direct message or a group."""

    name = "slack"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """An array of messages with ``ts`` and ``user``, after empty ones of days on which nothing was said."""
        while (rest := head.lstrip()).startswith(b"[]"):
            head = rest[2:]
        look = sniff.look(head)
        if look.layout != "array":
            return None
        told = [value for value in look.objects if value.get("type") == "message" and _is_ts(value.get("ts"))]
        if any(key in value for value in told for key in ("user", "bot_id", "subtype", "username")):
            return Evidence(96, "an array of messages with `ts` and `user`, as Slack exports a day of a channel")
        return Evidence(30, "an array of messages with `ts`, but without `user`") if told else None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:
        """The channel's days. The Resume points at the file with the beginning of the last, if they are plain files."""
        workspace = _workspace(source)
        channel = _Channel(source, workspace, options.tz, start.offset if start else 0)
        last = yield from rooms.sessions(channel.spoken(), options)
        if last and last.offset and source.member is None:
            yield Resume(last.offset)


@dataclass(slots=True)
class _Workspace:
    """Names by id: of people, and of channels."""

    people: dict[str, str] = field(default_factory=dict)
    channels: dict[str, str] = field(default_factory=dict)
    room: Room = field(default_factory=lambda: Room("Slack"))


def _workspace(source: Source) -> _Workspace:
    """What stands beside the channel's directory, or beside the file. Nothing of it is needed."""
    found = _Workspace()
    for person in _listed(source, "users"):
        if (person_id := a_text(person.get("id"))) and (name := _person(person)):
            found.people[person_id] = name
    directory = normalize("NFC", source.directory)
    found.room = Room(directory or "Slack")
    for kind in _LISTS:
        for channel in _listed(source, kind):
            channel_id, name = a_text(channel.get("id")), a_text(channel.get("name"))
            if not channel_id:
                continue
            if name:
                found.channels[channel_id] = name
            if directory in (channel_id, normalize("NFC", name or "")):
                found.room = Room(_members(channel, kind, found.people) or name or channel_id, f"slack-{channel_id}")
    return found


def _members(channel: dict[str, Any], kind: str, people: dict[str, str]) -> str | None:
    """Direct messages and groups of people have no names of their own, but those of their members."""
    if kind not in ("dms", "mpims"):
        return None
    return ", ".join(people.get(each, each) for each in a_list(channel.get("members")) if isinstance(each, str))


def _listed(source: Source, kind: str) -> Iterator[dict[str, Any]]:
    for place in ("../", ""):
        elements = elements_of(source.sibling(f"{place}{kind}.json"))
        for element in islice(elements, _MAX_LISTED):
            if isinstance(element, Rejected):
                break
            if isinstance(element.value, dict):
                yield element.value
        else:
            return


def _person(person: dict[str, Any]) -> str | None:
    """The name that people see, of the four that somebody has."""
    profile = an_object(person.get("profile") or person.get("user_profile"))
    names = (profile.get("display_name"), profile.get("real_name"), person.get("real_name"), person.get("name"))
    return next(filter(None, map(a_text, names)), None)


@dataclass(slots=True)
class _Channel:
    source: Source
    workspace: _Workspace
    tz: tzinfo
    start: int
    seen: set[str] = field(default_factory=set)

    def spoken(self) -> Iterator[Spoken | Rejected]:
        """The messages of all files in order; ``offset`` is where the message's file begins."""
        offset = 0
        for part in self.source.files:
            if offset >= self.start:
                yield from self._of_file(part, offset)
            offset += _extent(part) if self.source.member is None else 0

    def _of_file(self, part: Source, offset: int) -> Iterator[Spoken | Rejected]:
        self.seen.clear()
        for element in elements_of(part):
            if isinstance(element, Rejected):
                yield element
            elif element.key is None:
                yield from self._of_value(part, element.value, element.line, offset)

    def _of_value(self, part: Source, value: Any, line: int, offset: int) -> Iterator[Spoken | Rejected]:
        if not isinstance(value, dict):
            yield Rejected(part.name, line, "no object where a message should be")
            return
        if _NOTICE.match(a_text(value.get("subtype")) or "") or value.get("hidden"):
            return
        ts = value.get("ts")
        when = stamp(float(ts), self.tz) if isinstance(ts, str) and _is_ts(ts) else None
        if not isinstance(ts, str) or when is None:
            yield Rejected(part.name, line, "a message without a time (`ts`)")
            return
        text = said(value, self.workspace.people, self.workspace.channels)
        if text and ts not in self.seen:
            if len(self.seen) > _MAX_SEEN:
                self.seen.clear()
            self.seen.add(ts)
            yield Spoken(Message("user", text, when, self._name(value)), self.workspace.room, offset, line)

    def _name(self, value: dict[str, Any]) -> str | None:
        """Who wrote it: by the list of people, by what the message says of them, or a bot by its name."""
        user = a_text(value.get("user"))
        bot = an_object(value.get("bot_profile")).get("name") or value.get("username")
        return (
            (value.get("subtype") == "bot_message" and a_text(bot))
            or (user and self.workspace.people.get(user))
            or _person(value)
            or a_text(bot)
            or user
            or a_text(value.get("bot_id"))
        )


def _extent(part: Source) -> int:
    """Bytes that a file takes up among the parts of a source, with the newline that it is given if it has none."""
    try:
        with part.open() as file:
            size = file.seek(0, SEEK_END)
            file.seek(max(0, size - 1))
            return size + (file.read(1) not in (b"", b"\n"))
    except OSError:
        return 0


def _is_ts(value: Any) -> bool:
    return isinstance(value, str) and _TS.fullmatch(value) is not None


READER = SlackReader()
