"""How is a Discord channel read, as DiscordChatExporter writes it in JSON, in one file or in several partitions?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from typing import Any

from ion_summary.model import Message
from ion_summary.transcripts import rooms, sniff
from ion_summary.transcripts.json_value import a_list, a_text, an_object
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.records import elements_of
from ion_summary.transcripts.rooms import Room, Spoken
from ion_summary.transcripts.stamps import stamp

_STREAMED = frozenset({"messages"})
# Messages of the room itself, whose text the exporter makes up; those that it has no name for come as numbers, of which
# these are answers to commands and the first messages of threads.
_NOTICES = frozenset(
    "RecipientAdd RecipientRemove Call ChannelNameChange ChannelIconChange ChannelPinnedMessage GuildMemberJoin"
    " ThreadCreated UserPremiumGuildSubscription".split()
)
_SPOKEN_NUMBERS = frozenset({"0", "19", "20", "21", "23"})
_MENTION = re.compile(r"<(?:@!?(?P<user>\d+)|a?:(?P<emoji>\w+):\d+)>")


class DiscordReader:
    """One session for each local day of the channel."""

    name = "discord"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """An object with ``guild`` and ``channel`` before its messages."""
        for value in sniff.look(head).objects[:1]:
            if not (isinstance(value.get("guild"), dict) and isinstance(value.get("channel"), dict)):
                continue
            if "exportedAt" in value or "dateRange" in value or isinstance(value.get("messages"), list):
                return Evidence(97, "an object with `guild`, `channel` and messages, as DiscordChatExporter writes it")
            return Evidence(30, "an object with `guild` and `channel`, but without messages")
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The channel's days. Each export is written anew, so there is no Resume."""
        yield from rooms.sessions(_spoken(source, options.tz), options)


def _spoken(source: Source, tz: tzinfo) -> Iterator[Spoken | Rejected]:
    room = Room("Discord")
    for part in source.files:
        for element in elements_of(part, _STREAMED):
            if isinstance(element, Rejected):
                yield element
            elif element.key == "channel":
                room = _room(an_object(element.value))
            elif element.key == "messages":
                yield from _message(element.value, room, tz, part.name, element.line)


def _room(channel: dict[str, Any]) -> Room:
    channel_id = a_text(channel.get("id"))
    return Room(a_text(channel.get("name")) or channel_id or "Discord", channel_id and f"discord-{channel_id}")


def _message(value: Any, room: Room, tz: tzinfo, source: str, line: int) -> Iterator[Spoken | Rejected]:
    message = an_object(value)
    kind = message.get("type")
    if kind in _NOTICES or (isinstance(kind, str) and kind.isdecimal() and kind not in _SPOKEN_NUMBERS):
        return
    when = stamp(message.get("timestamp"), tz)
    if when is None:
        yield Rejected(source, line, "a message without a time (`timestamp`)")
        return
    author = an_object(message.get("author"))
    name = a_text(author.get("nickname")) or a_text(author.get("name")) or a_text(author.get("id"))
    if text := _said(message):
        yield Spoken(Message("user", text, when, name), room)


def _said(message: dict[str, Any]) -> str:
    """The text, of a forwarded message if it is one; without any what is embedded; then the names of files."""
    forwarded = an_object(message.get("forwardedMessage"))
    text = a_text(message.get("content")) or a_text(forwarded.get("content")) or ""
    parts = [_readable(text, message)] if text else list(_embedded(message.get("embeds")))
    for holder in (message, forwarded):
        for file in map(an_object, a_list(holder.get("attachments"))):
            parts.append(f"[{a_text(file.get('fileName')) or 'file'}]")
    parts += [f"[{a_text(an_object(each).get('name')) or 'sticker'}]" for each in a_list(message.get("stickers"))]
    return "\n".join(filter(None, parts))


def _readable(text: str, message: dict[str, Any]) -> str:
    """``text`` with names for the ids that stand in it if it was exported as it was typed."""
    if "<" not in text:
        return text
    people = {str(each.get("id")): each for each in map(an_object, a_list(message.get("mentions")))}

    def meant(match: re.Match[str]) -> str:
        if match["emoji"]:
            return f":{match['emoji']}:"
        person = people.get(match["user"], {})
        name = a_text(person.get("nickname")) or a_text(person.get("name"))
        return f"@{name}" if name else match[0]

    return _MENTION.sub(meant, text)


def _embedded(value: Any) -> Iterator[str]:
    for embed in map(an_object, a_list(value)):
        texts = [a_text(embed.get(key)) for key in ("title", "description")]
        yield "\n".join(filter(None, texts)) or a_text(embed.get("url")) or ""


READER = DiscordReader()
