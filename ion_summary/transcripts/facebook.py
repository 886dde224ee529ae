"""How is a chat of Facebook Messenger or Instagram read, from the JSON of "Download your information"?

Both write UTF-8 as if it were Latin-1, so that every letter beyond ASCII is two to four wrong ones. A chat lies in
``message_1.json``, ``message_2.json`` and so on, the newest messages first; its name stands after them.
"""

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
_THREAD_ID = re.compile(r"_(\w{10,40})/?$", re.ASCII)
_MEDIA = {
    "photos": "[image]",
    "gifs": "[image]",
    "videos": "[video]",
    "audio_files": "[audio]",
    "files": "[file]",
    "media": "[media]",
}
_NOTICES = ("Subscribe", "Unsubscribe")


class FacebookReader:
    """One session for each local day of the chat."""

    name = "facebook"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """Messages with ``sender_name`` and ``timestamp_ms``, in ``messages`` or bare."""
        look = sniff.look(head)
        first = look.objects[0] if look.objects else {}
        messages = (
            look.objects if look.layout == "array" else [an_object(each) for each in a_list(first.get("messages"))]
        )
        if any("sender_name" in each and "timestamp_ms" in each for each in messages):
            return Evidence(97, "messages with `sender_name` and `timestamp_ms`, as Facebook and Instagram export them")
        if any("senderName" in each and "timestamp" in each for each in messages):
            return Evidence(96, "messages with `senderName` and `timestamp`, as Messenger exports encrypted chats")
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The chat's days, the newest first. Each export is written anew, so there is no Resume."""
        room = _room(source)
        yield from rooms.sessions(_spoken(source, room, options.tz), options)


def repaired(text: str) -> str:
    """``text`` with its UTF-8 read as UTF-8 and not as Latin-1; as it is if that cannot be."""
    if text.isascii():
        return text
    try:
        raw = text.encode("latin-1")
    except UnicodeEncodeError:
        return text
    try:
        return raw.decode()
    except UnicodeDecodeError as error:
        # It may have been cut off within a letter; but if nothing before was wrong, that is no such letter.
        whole = raw[: error.start].decode()
        is_cut = error.reason == "unexpected end of data" and not whole.isascii()
        return whole if is_cut else text


def _room(source: Source) -> Room:
    """The chat's name and id, which stand behind the messages of its first file."""
    found: dict[str, Any] = {}
    for element in elements_of(source.files[0], _STREAMED):
        if not isinstance(element, Rejected) and element.key not in (None, "messages"):
            found[element.key or ""] = element.value
    people = [
        each if isinstance(each, str) else an_object(each).get("name") for each in a_list(found.get("participants"))
    ]
    path = a_text(found.get("thread_path")) or source.directory
    thread = _THREAD_ID.search(path)
    names = (a_text(found.get("title")), a_text(found.get("threadName")), ", ".join(filter(None, map(a_text, people))))
    name = next(filter(None, names), None) or _THREAD_ID.sub("", source.directory) or "Facebook"
    return Room(repaired(name), thread and f"facebook-{thread[1]}")


def _spoken(source: Source, room: Room, tz: tzinfo) -> Iterator[Spoken | Rejected]:
    for part in source.files:
        for element in elements_of(part, _STREAMED):
            if isinstance(element, Rejected):
                yield element
            elif element.key in (None, "messages"):
                yield from _message(element.value, room, tz, part.name, element.line)


def _message(value: Any, room: Room, tz: tzinfo, source: str, line: int) -> Iterator[Spoken | Rejected]:
    message = an_object(value)
    if message.get("is_unsent") or message.get("isUnsent") or message.get("type") in _NOTICES:
        return
    when = stamp(message.get("timestamp_ms") or message.get("timestamp"), tz)
    if when is None:
        yield Rejected(source, line, "a message without a time (`timestamp_ms`)")
        return
    name = a_text(message.get("sender_name")) or a_text(message.get("senderName"))
    if text := "\n".join(_said(message)):
        yield Spoken(Message("user", repaired(text), when, name and repaired(name)), room)


def _said(message: dict[str, Any]) -> Iterator[str]:
    text = a_text(message.get("content")) or a_text(message.get("text"))
    if text:
        yield text
    share = an_object(message.get("share"))
    address = a_text(share.get("link"))
    if address and address not in (text or ""):
        yield address
    for key, shown in _MEDIA.items():
        if key in message:
            yield from [shown] * len(a_list(message[key]))
    if "sticker" in message:
        yield "[sticker]"


READER = FacebookReader()
