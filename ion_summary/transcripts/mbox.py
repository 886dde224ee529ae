"""How are e-mail threads read, from a mailbox in one file or a single message?

A thread is what ``References`` and ``In-Reply-To`` connect (RFC 5322, section 3.6.4). It has the id of the message that
began it and is united with what another mailbox holds of it, as what was received and what was sent lie apart.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import tzinfo
from hashlib import blake2b
from itertools import pairwise
from typing import IO, TYPE_CHECKING

from ion_summary.model import Message, Session
from ion_summary.transcripts import encoding, mail_text, sniff
from ion_summary.transcripts.pieces import pieces
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.scattered import Collected, collected

if TYPE_CHECKING:
    from email.message import Message as Mail

MAX_MAIL = 48 << 20
"""Bytes of one message with all that is attached to it. A longer one is passed over."""
_LONGEST_SEPARATOR = 1000
_SEPARATOR = re.compile(rb"From \S[^\n]{0,800}\d\d:\d\d")
# It looks back from behind its first word, so that this word is searched for: four times as fast.
_START = re.compile(rb"From (?:(?<=\n\nFrom )|(?<=\n\r\nFrom ))\S[^\n]{0,800}\d\d:\d\d")
_QUOTED = re.compile(rb">(?<=\n>)(?=>*From )")
_HEADER = re.compile(r"([A-Za-z][A-Za-z0-9-]*):\s")
_WANTED = frozenset({"from", "to", "subject", "date", "message-id", "received", "mime-version", "delivered-to"})
_ID = re.compile(r"<([^<>\s]{1,900})>")
_PREFIX = re.compile(r"^\s*(?:(?:re|fwd?|aw|wg|sv|답장|회신|전달)\s*(?:\[\d+\])?\s*[:：]\s*)+", re.I)


class MboxReader:
    """A mailbox (mbox), or one message (.eml)."""

    name = "mbox"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """The line that separates messages, or the headers of one."""
        look = sniff.look(head)
        if look.kind != "text":
            return None
        lines = look.lines
        separated = _SEPARATOR.match(lines[0].encode("utf-8", "replace")) is not None
        found = set()
        for line in lines[1 if separated else 0 :][:200]:
            if not line:
                break
            if header := _HEADER.match(line):
                found.add(header[1].lower())
            elif not line.startswith((" ", "\t", ">From ")):
                return (
                    Evidence(20, "a line like the one that separates the messages of a mailbox") if separated else None
                )
        headers = len(found & _WANTED)
        if separated and headers >= 2:
            return Evidence(96, "a mailbox: the line that separates messages, and headers of one")
        if headers >= 3 and "from" in found:
            return Evidence(90, "the headers of an e-mail")
        return Evidence(30, "lines like headers of an e-mail") if headers >= 2 else None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The threads, each when its last message has been read."""
        threads = _Threads()
        with source.open() as raw:
            stream, _ = encoding.as_utf8(raw)
            for line, mail in _mails(stream):
                if mail is None:
                    yield Rejected(source.name, line, f"an e-mail larger than {MAX_MAIL >> 20} MiB")
                threads.add(_headers(mail or b"%d" % line))
        with source.open() as raw:
            stream, _ = encoding.as_utf8(raw)
            mailbox = _Mailbox(source.name, threads, options.tz)
            for thread in collected(mailbox.spoken(_mails(stream)), threads.last()):
                if thread.messages:
                    yield mailbox.session(thread)
            yield from mailbox.rejected


class _Mailbox:
    """The second reading: what each mail says, and of the threads that are open what they are about."""

    def __init__(self, name: str, threads: _Threads, tz: tzinfo) -> None:
        self.rejected: list[Rejected] = []
        self._name, self._threads, self._tz = name, threads, tz
        self._about: dict[str, tuple[str, str]] = {}

    def spoken(self, mails: Iterator[tuple[int, bytes | None]]) -> Iterator[tuple[int, str, list[Message]]]:
        """The number of each mail, its thread, and what it says."""
        for number, (line, raw) in enumerate(mails):
            key = self._threads.key(number)
            if raw is None or key is None:
                continue
            try:
                messages = self._messages(raw, key)
            except (RecursionError, ValueError, LookupError, AttributeError, TypeError) as error:
                # The standard library raises any of these on mail that was made, or damaged, for it.
                reason = f"an e-mail that cannot be taken apart ({type(error).__name__})"
                self.rejected.append(Rejected(self._name, line, reason))
                messages = []
            yield number, key, messages

    def _messages(self, raw: bytes, key: str) -> list[Message]:
        mail = _parsed(raw)
        name, address = mail_text.person(mail, "from")
        if key not in self._about:
            # Who began a thread is the user; its first mail may lie in another mailbox.
            began = address if key in mail_text.header(mail, "message-id") else mail_text.person(mail, "to")[1]
            self._about[key] = (_PREFIX.sub("", mail_text.header(mail, "subject")), began)
        text = mail_text.said(mail)
        return [Message("user", text, mail_text.date(mail, self._tz), name or address or "unknown")] if text else []

    def session(self, thread: Collected) -> Session:
        """The session that a thread is."""
        subject, user = self._about.pop(thread.key, ("", ""))
        messages = thread.messages
        times = [message.timestamp for message in messages if message.timestamp]
        if len(times) == len(messages):
            messages = [message for _, message in sorted(zip(times, messages, strict=True), key=lambda pair: pair[0])]
        title = subject or "(no subject)"
        metadata = {"title": title, "participants": list(dict.fromkeys(filter(None, (each.name for each in messages))))}
        session_id = thread.key if thread.part == 1 else f"{thread.key}/part-{thread.part}"
        return Session(session_id, user or None, messages, metadata, str(thread.first + 1), room=title)


class _Threads:
    """Which thread each mail belongs to; what connects is known only when all headers have been read."""

    def __init__(self) -> None:
        self._parents: dict[str, str] = {}
        self._roots: dict[str, str] = {}
        self._mails: list[str] = []
        self._seen: set[str] = set()

    def add(self, headers: tuple[str, list[str]]) -> None:
        """Takes the id of the next mail, and the ids that it refers to, oldest first."""
        own, references = headers
        # The same mail may lie in several folders of one archive.
        self._mails.append("" if own in self._seen else own)
        self._seen.add(own)
        chain = [*references, own]
        for earlier, later in pairwise(chain):
            self._join(earlier, later)

    def _find(self, key: str) -> str:
        path = []
        while (parent := self._parents.get(key)) is not None:
            path.append(key)
            key = parent
        for each in path:
            self._parents[each] = key
        return key

    def _join(self, earlier: str, later: str) -> None:
        first, second = self._find(earlier), self._find(later)
        if first != second:
            self._parents[second] = first

    def key(self, number: int) -> str | None:
        """The thread of mail ``number``: the oldest id in it; None for a copy of a mail."""
        return self._find(self._mails[number]) if self._mails[number] else None

    def last(self) -> dict[str, int]:
        """The number of the last mail of each thread."""
        return {self._find(key): number for number, key in enumerate(self._mails) if key}


def _mails(stream: IO[bytes]) -> Iterator[tuple[int, bytes | None]]:
    """The line where each mail begins, and its bytes; None for one that is too long."""
    for line, piece in pieces(stream, _START, _LONGEST_SEPARATOR, MAX_MAIL):
        if piece is not None and (separator := _SEPARATOR.match(piece)):
            piece = piece[separator.end() :].partition(b"\n")[2]
        # What begins like a separator was quoted when it was written (mboxrd).
        yield line, _QUOTED.sub(b"", piece) if piece and b"\n>" in piece else piece


def _headers(mail: bytes) -> tuple[str, list[str]]:
    """The id of a mail (without one: a hash of its headers) and those that it refers to."""
    head = re.split(rb"\r?\n\r?\n", mail[: 256 << 10], maxsplit=1)[0]
    parsed = _parsed(head + b"\n\n")
    own = _ID.search(mail_text.header(parsed, "message-id"))
    replied = _ID.findall(mail_text.header(parsed, "in-reply-to"))[:1]
    references = _ID.findall(mail_text.header(parsed, "references"))
    mail_id = own[1] if own else f"mail-{blake2b(head, digest_size=8).hexdigest()}"
    return mail_id, [each for each in dict.fromkeys([*references, *replied]) if each != mail_id]


def _parsed(mail: bytes) -> Mail:
    from email import message_from_bytes

    return message_from_bytes(mail)


READER = MboxReader()
