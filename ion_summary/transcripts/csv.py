"""How is a table of messages read whose columns say by their names what they hold, in English or Korean?

The last resort for exports of help desks and of one's own programs.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, tzinfo
from typing import IO, Any
from unicodedata import normalize

from ion_summary.model import Message, Session
from ion_summary.transcripts import encoding, sniff
from ion_summary.transcripts.agents import Growing
from ion_summary.transcripts.lines import TOO_LONG, byte_lines
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.scattered import Collected, collected
from ion_summary.transcripts.speakers import name_of, role_of
from ion_summary.transcripts.stamps import localised, stamp

MAX_FIELD = 4 << 20
"""Characters of one cell; a quotation mark too many must not swallow the file."""
_NAMES = {
    "session": "sessionid session conversationid conversation threadid thread chatid chat dialogid dialogueid ticketid"
    " ticket caseid 세션 세션id 세션번호 대화id 대화번호 상담id 상담번호 문의번호 티켓 티켓번호 채팅방 방이름",
    "user": "userid user username customerid customer accountid memberid clientid"
    " 사용자 사용자id 유저 고객 고객id 고객명 고객번호 회원 회원id 회원번호 아이디",
    "role": "role sendertype speakertype authorrole messagerole direction 역할 구분 화자구분 발화자구분 발신구분",
    "name": "name speaker sender author from nickname 이름 화자 발화자 작성자 보낸사람 보낸이 발신자 닉네임 대화명",
    "content": "content text message body messagetext utterance"
    " 내용 메시지 본문 발화 발화내용 대화내용 메시지내용 텍스트 채팅내용",
    "time": "timestamp time datetime createdat sentat created sent messagetime"
    " 시간 시각 일시 작성일시 등록일시 보낸시간 발송일시",
    "date": "date day 날짜 일자",
    "title": "title subject topic 제목 주제",
    "question": "question prompt query input 질문 문의 문의내용 질의",
    "answer": "answer response reply output completion 답변 답변내용 응답 회신",
}
_FIELD_OF = {word: field for field, words in _NAMES.items() for word in words.split()}
_DELIMITERS = ",;\t|"
_ROLES = {
    **dict.fromkeys("in inbound incoming 수신".split(), "user"),
    **dict.fromkeys("out outbound outgoing 발신".split(), "assistant"),
}
_MAX_REJECTED = 10_000
_KOREAN_TIME = re.compile(
    r"(\d{4})[-./년]\s*(\d{1,2})[-./월]\s*(\d{1,2})[.일]?\s*(?:(오전|오후|AM|PM)\s*)?(\d{1,2}):(\d{2})(?::(\d{2}))?(?:\s*(AM|PM))?"
)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where each field stands, and what separates them."""

    at: dict[str, int]
    delimiter: str

    def of(self, row: list[str], field: str) -> str:
        place = self.at.get(field, -1)
        return row[place].strip() if 0 <= place < len(row) else ""

    @property
    def grouped(self) -> str | None:
        """The column whose values tell sessions apart: a session's, else a user's where another says who speaks."""
        if "session" in self.at:
            return "session"
        return "user" if "user" in self.at and self.at.keys() & {"role", "name", "question"} else None


class CsvReader:
    """A header, then one message in each row, or a question with its answer."""

    name = "csv"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """A header that names a column of texts, and one of who says them or where."""
        look = sniff.look(head)
        if look.kind != "text":
            return None
        columns = _columns(look.lines[0] if look.lines else "")
        if columns is None:
            return None
        named = ", ".join(sorted(columns.at))
        if {"question", "answer"} <= columns.at.keys() and "content" not in columns.at:
            return Evidence(56, f"a table of questions and answers (columns: {named})")
        if "content" in columns.at and columns.at.keys() & {"role", "name", "session", "user"}:
            return Evidence(58, f"a table of messages (columns: {named})")
        return Evidence(25, f"a table, but without columns for text and speaker (columns: {named})")

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """A session for each value of the session's column; one for the whole table, or each question, without it."""
        rejected: list[Rejected] = []
        last: dict[str, int] = {}
        table = _Table(source, options.tz)
        if table.columns is None:
            yield Rejected(source.name, 1, "no header with a column for texts and one for who says them")
            return
        group = table.columns.grouped
        if group is None:
            yield from table.whole(rejected)
        else:
            for number, row in table.rows([]):
                last[table.columns.of(row, group)] = number
            for one in collected(table.grouped(group, rejected), last):
                if one.messages:
                    yield table.session(one, group)
        yield from rejected


class _Table:
    """The table in a source."""

    def __init__(self, source: Source, tz: tzinfo) -> None:
        self._source, self._tz = source, tz
        with source.open() as raw:
            head = encoding.decoded_head(raw.read(sniff.HEAD))
        self._codec = encoding.guess(head)
        self.columns = _columns(normalize("NFC", head.partition(b"\n")[0].decode(self._codec, "replace")))
        self._about: dict[str, tuple[str, str]] = {}

    def rows(self, rejected: list[Rejected]) -> Iterator[tuple[int, list[str]]]:
        """The rows after the header with the line where each ends; what cannot be read goes to ``rejected``."""
        import csv

        def reject(line: int, reason: str) -> None:
            if len(rejected) < _MAX_REJECTED:
                rejected.append(Rejected(self._source.name, line, reason))

        assert self.columns is not None
        csv.field_size_limit(MAX_FIELD)
        with self._source.open() as raw:
            stream, _ = encoding.as_utf8(raw)
            reader = csv.reader(self._lines(stream, reject), delimiter=self.columns.delimiter)
            while True:
                try:
                    row = next(reader)
                except StopIteration:
                    return
                except csv.Error as error:
                    reject(reader.line_num, f"not a row of a table: {error}")
                    continue
                if reader.line_num > 1 and any(row):
                    yield reader.line_num, row

    def _lines(self, stream: IO[bytes], reject: Callable[[int, str], None]) -> Iterator[str]:
        for number, _, line in byte_lines(stream):
            if line is None:
                reject(number, TOO_LONG)
                yield ""
                continue
            try:
                yield normalize("NFC", line.decode(self._codec))
            except UnicodeDecodeError as error:
                reject(number, f"broken {self._codec.upper()} at byte {error.start + 1} of the line")
                yield ""

    def grouped(self, group: str, rejected: list[Rejected]) -> Iterator[tuple[int, str, list[Message]]]:
        """The rows' messages, each with its group."""
        assert self.columns is not None
        for number, row in self.rows(rejected):
            key = self.columns.of(row, group)
            about = self._about.get(key, ("", ""))
            said = (self.columns.of(row, "user"), self.columns.of(row, "title"))
            self._about[key] = (about[0] or said[0], about[1] or said[1])
            yield number, key, list(self._messages(row))

    def session(self, one: Collected, group: str) -> Session:
        """The session that a group is."""
        user, title = self._about.pop(one.key, ("", ""))
        key = one.key if group == "session" and one.key else None
        session_id = f"{key}/part-{one.part}" if key and one.part > 1 else key
        return Session(session_id, user or None, one.messages, _metadata(one.messages, title), str(one.first))

    def whole(self, rejected: list[Rejected]) -> Iterator[Session]:
        """The whole table as one session; of questions and answers each row is one."""
        assert self.columns is not None
        if "content" not in self.columns.at:
            for number, row in self.rows(rejected):
                if messages := list(self._messages(row)):
                    yield Session(None, None, messages, _metadata([], self.columns.of(row, "title")), str(number))
            return
        growing = Growing(None, "1")
        for _, row in self.rows(rejected):
            for message in self._messages(row):
                yield from growing.add(message)
        yield from growing.deliver()

    def _messages(self, row: list[str]) -> Iterator[Message]:
        columns = self.columns
        assert columns is not None
        when = _time(" ".join(filter(None, (columns.of(row, "date"), columns.of(row, "time")))), self._tz)
        if "content" not in columns.at:
            for role, field in (("user", "question"), ("assistant", "answer")):
                if text := columns.of(row, field):
                    yield Message(role, text, when)
            return
        text = columns.of(row, "content")
        if not text:
            return
        role, name = columns.of(row, "role"), columns.of(row, "name")
        if "role" not in columns.at and "name" not in columns.at:
            name = columns.of(row, "user")
        known = _ROLES.get(role.lower()) or role_of(role) or role_of(name) or "user"
        yield Message(known, text, when, name_of(name) or (name_of(role) if role_of(role) or not role else role))


def _columns(line: str) -> _Columns | None:
    """The fields that a header names; None if it names no text."""
    line = line.strip("\r\n\ufeff")
    delimiter = max(_DELIMITERS, key=line.count)
    cells = [re.sub(r"[\s_\-.\"']", "", cell).lower() for cell in line.split(delimiter)]
    at: dict[str, int] = {}
    for place, cell in enumerate(cells):
        if field := _FIELD_OF.get(cell):
            at.setdefault(field, place)
    return _Columns(at, delimiter) if len(cells) > 1 and at.keys() & {"content", "question"} else None


def _metadata(messages: Iterable[Message], title: str) -> dict[str, Any]:
    names = list(dict.fromkeys(message.name for message in messages if message.name))
    return {key: value for key, value in (("title", title), ("participants", names)) if value}


def _time(text: str, tz: tzinfo) -> datetime | None:
    """The time of a cell, as programs or a Korean spreadsheet write it."""
    if not text:
        return None
    if when := stamp(text, tz):
        return when
    if (match := _KOREAN_TIME.fullmatch(text)) is None:
        return None
    year, month, day, before, hour, minute, second, behind = match.groups()
    half = before or behind
    clock = int(hour) % 12 + (12 if half in ("오후", "PM") else 0) if half else int(hour)
    try:
        return localised(datetime(int(year), int(month), int(day), clock, int(minute), int(second or 0), tzinfo=tz), tz)
    except ValueError:
        return None


READER = CsvReader()
