"""How is a Telegram ``result.json`` read, of one chat or of a whole account?

The dates in it are local ones without an offset, so the seconds since 1970 beside them count. The id of a private chat
is that of the other person, the same in the exports of everybody who talks with that person: it takes both to name it.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import tzinfo
from pathlib import PurePosixPath
from typing import Any

from ion_summary.model import Message
from ion_summary.transcripts import rooms, sniff
from ion_summary.transcripts.json_value import a_list, a_text, an_object
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.records import elements_of
from ion_summary.transcripts.rooms import Room, Spoken
from ion_summary.transcripts.stamps import stamp

_CHATS = ("chats.list", "left_chats.list")
_STREAMED = frozenset({"messages", *(f"{chats}.messages" for chats in _CHATS)})
_ACCOUNT = ("personal_information", "contacts", "frequent_contacts", "left_chats")
_MEDIA = {
    "sticker": "[sticker]",
    "voice_message": "[audio]",
    "audio_file": "[audio]",
    "video_message": "[video]",
    "video_file": "[video]",
    "animation": "[video]",
}
_BETWEEN_TWO = ("personal_chat", "bot_chat")
_NOT_INCLUDED = "("  # "(File not included. Change data exporting settings to download.)" where a path should be


class TelegramReader:
    """One session for each local day of each chat."""

    name = "telegram"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """Messages with ``date_unixtime`` or ``from_id``, or the chats of an account."""
        for value in sniff.look(head).objects[:1]:
            chats = [an_object(each) for each in a_list(an_object(value.get("chats")).get("list"))]
            if any("messages" in chat or "type" in chat for chat in chats):
                return Evidence(96, "`chats` with a `list` of them, as Telegram exports an account")
            if isinstance(value.get("about"), str) and any(key in value for key in _ACCOUNT):
                return Evidence(85, "an account's data with `about`, as Telegram exports it")
            messages = [an_object(each) for each in a_list(value.get("messages"))]
            if any("date_unixtime" in each or ("from_id" in each and "date" in each) for each in messages):
                return Evidence(96, "`messages` with `date_unixtime` and `from_id`, as Telegram exports a chat")
            if "name" in value and any("date" in each and "text" in each for each in messages):
                return Evidence(
                    80, "a named chat of `messages` with `date` and `text`, as older Telegram exports have it"
                )
        return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The days of each chat in turn. Each export is written anew, so there is no Resume."""
        yield from rooms.sessions(_spoken(source, options.tz), options)


def _spoken(source: Source, tz: tzinfo) -> Iterator[Spoken | Rejected]:
    chat: dict[str, Any] = {}
    owner = _owner(source)
    for element in elements_of(source, _STREAMED):
        if isinstance(element, Rejected):
            yield element
            continue
        key = element.key or ""
        where, _, field = key.rpartition(".")
        if key in _CHATS:
            chat = {}
        elif field == "messages":
            yield from _message(element.value, _room(chat, owner), tz, source.name, element.line)
        elif where in ("", *_CHATS):
            chat[field] = element.value


def _owner(source: Source) -> int | None:
    """The id of the person who exported: told of an account, or that of whoever else speaks in a private chat.

    What nobody says before it is found is read once more; in most exports that is a few messages.
    """
    chat: dict[str, Any] = {}
    for element in elements_of(source, _STREAMED):
        if isinstance(element, Rejected):
            continue
        key = element.key or ""
        where, _, field = key.rpartition(".")
        if key == "personal_information" and (found := _person(an_object(element.value).get("user_id"))):
            return found
        if key in _CHATS:
            chat = {}
        elif field == "messages" and chat.get("type") in _BETWEEN_TWO:
            speaker = _person(an_object(element.value).get("from_id"))
            if speaker and speaker != chat.get("id"):
                return speaker
        elif field == "messages" and not where:
            return None  # one chat, of more than two
        elif where in ("", *_CHATS):
            chat[field] = element.value
    return None


def _person(value: Any) -> int | None:
    """The number of ``user123``, which older exports have as a number."""
    if isinstance(value, str) and value.startswith("user") and value[4:].isdecimal():
        return int(value[4:])
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _room(chat: dict[str, Any], owner: int | None) -> Room:
    chat_id = chat.get("id")
    name = a_text(chat.get("name")) or ("Saved Messages" if chat.get("type") == "saved_messages" else "Deleted Account")
    if not (isinstance(chat_id, int | str) and chat_id):
        return Room(name)
    if chat.get("type") not in _BETWEEN_TWO:
        return Room(name, f"telegram-{chat_id}")
    if owner is None or not isinstance(chat_id, int):
        return Room(name)  # by whose side it is cannot be told: by --user, if that is given
    return Room(name, f"telegram-{min(owner, chat_id)}-{max(owner, chat_id)}")


def _message(value: Any, room: Room, tz: tzinfo, source: str, line: int) -> Iterator[Spoken | Rejected]:
    message = an_object(value)
    if message.get("type") == "service":
        return
    when = stamp(message.get("date_unixtime"), tz) or stamp(message.get("date"), tz)
    if when is None:
        yield Rejected(source, line, "a message without a time (`date_unixtime` or `date`)")
        return
    text = "\n".join(filter(str.strip, (*_attached(message), "".join(_texts(message.get("text"))))))
    if text:
        name = a_text(message.get("from")) or a_text(message.get("from_id")) or "Deleted Account"
        yield Spoken(Message("user", text, when, name), room)


def _texts(value: Any) -> Iterator[str]:
    """The pieces of a text, which is a string or an array of strings and of marked pieces."""
    for piece in [value] if isinstance(value, str) else a_list(value):
        if isinstance(piece, str):
            yield piece
        elif isinstance(piece, dict) and isinstance(piece.get("text"), str):
            address = a_text(piece.get("href"))
            yield f"{piece['text']} ({address})" if address and address != piece["text"] else piece["text"]


def _attached(message: dict[str, Any]) -> Iterator[str]:
    kind = message.get("media_type")
    if "photo" in message:
        yield "[image]"
    elif kind == "sticker" and a_text(message.get("sticker_emoji")):
        yield str(message["sticker_emoji"])
    elif isinstance(kind, str) and kind in _MEDIA:
        yield _MEDIA[kind]
    elif path := a_text(message.get("file")):
        name = a_text(message.get("file_name")) or ("" if path.startswith(_NOT_INCLUDED) else PurePosixPath(path).name)
        yield f"[{name or 'file'}]"
    if "location_information" in message:
        yield "[location]"
    if "contact_information" in message:
        yield "[contact]"
    if poll := an_object(message.get("poll")):
        answers = [a_text(an_object(each).get("text")) for each in a_list(poll.get("answers"))]
        yield "\n".join(filter(None, [a_text(poll.get("question")), *(answer and f"- {answer}" for answer in answers)]))


READER = TelegramReader()
