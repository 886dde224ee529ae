"""What is one line of a KakaoTalk export, in each of its dialects?

No dialect is documented by its maker: these are the shapes that exports have been seen in (docs/formats.md).
"""

from __future__ import annotations

import re
from datetime import date, datetime, time
from typing import NamedTuple

_MONTHS = "Jan Feb Mar Apr May Jun Jul Aug Sep Oct Nov Dec".lower().split()
_MONTH_NAMES = r"(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Oct|Nov|Dec)[a-z]*"
# Named groups: y m d, then p (오전/오후 before the time), h n, then q (AM/PM after it); neither on a 24-hour clock.
_TIME = r"(?:(?P<p>오전|오후|AM|PM)\s)?(?P<h>\d{1,2}):(?P<n>\d{2})(?:\s(?P<q>[AaPp]\.?[Mm]\.?))?"
_KO_DATE = r"(?P<y>\d{4})년 (?P<m>\d{1,2})월 (?P<d>\d{1,2})일"
_DATES = {
    "android": _KO_DATE + " ",
    "android-en": rf"(?P<m>{_MONTH_NAMES}) (?P<d>\d{{1,2}}), (?P<y>\d{{4}})(?:,| at) ",
    "ios": r"(?P<y>\d{4})\. (?P<m>\d{1,2})\. (?P<d>\d{1,2})\. ",
}
# "…, name : text"; without " : " it is a notice of the room, and iOS writes notices with a colon and no comma.
_PHONE = {
    dialect: re.compile(rf"{when}{_TIME}(?:, (?P<name>.+?) :(?: (?P<text>.*))?|(?P<notice>, .*|: .*)|\s*)$", re.S)
    for dialect, when in _DATES.items()
}
_WINDOWS = re.compile(rf"\[(?P<name>.+?)\] \[{_TIME}\](?: (?P<text>.*))?$", re.S)
_EN_DATE = rf"(?:[A-Z][a-z]+day, )?(?P<em>{_MONTH_NAMES}) (?P<ed>\d{{1,2}}), (?P<ey>\d{{4}})"
_DAY = re.compile(rf"-{{3,}} ?(?:{_KO_DATE}(?: .요일)?|{_EN_DATE}) ?-{{3,}}\s*$")
_BARE_DAY = re.compile(rf"{_KO_DATE} .요일\s*$")
_CSV = re.compile(
    r"(?P<y>\d{4})-(?P<m>\d{2})-(?P<d>\d{2}) (?P<h>\d{2}):(?P<n>\d{2}):(?P<s>\d{2}),"
    r"(?:\"(?P<quoted>(?:[^\"]|\"\")*)\"|(?P<bare>[^,]*)),(?P<text>.*)$",
    re.S,
)
CSV_HEADER = re.compile(r"\"?(?:Date|날짜)\"?,\"?(?:User|사용자|이름)\"?,\"?(?:Message|메시지|내용)\"?\s*$")
_ROOM = re.compile(
    r"(?P<a>.{0,300}?) ?(?:님과 )?카카오톡 대화\s*$|KakaoTalk Chats with (?P<b>.+?)\s*$"
    r"|(?P<c>.{1,300}?) KakaoTalk Chats?\s*$"
)
_DELETED = re.compile(r"(?:삭제된 메시지입니다|메시지가 삭제되었습니다|This message (?:was|has been) deleted)\.?$")
SAVED = re.compile(r"(?:저장한 날짜|Date Saved) ?: ?(?P<when>.+)$")
# Only whole lines in the very words of the app: "I left the file on your desk" is a message.
_NOTICE = re.compile(
    r"(?:.{1,60}님이 (?:들어왔습니다|나갔습니다|(?:부)?방장이 되었습니다)"
    r"|.{1,60}님을 내보냈습니다"
    r"|.{1,60}님이 .{1,200}님을 초대(?:했습니다|하였습니다)"
    r"|(?:채팅방 )?관리자가 메시지를 가렸습니다"
    r"|관리자만 말하기 기능이 (?:활성화|해제)되었습니다"
    r"|.{1,60} (?:joined|left) this chatroom"
    r"|.{1,60} invited .{1,200} to this chatroom)\.?\s*$"
)


class Line(NamedTuple):
    """A line that begins something. ``name`` is None for a notice of the room and for a date that stands alone.

    ``when`` is None for a message of Windows, which has only a ``time``.
    """

    when: datetime | None
    name: str | None
    text: str
    time: time | None = None


def room(line: str) -> str | None:
    """The room of the header ``김민수 님과 카카오톡 대화``, empty if it has no name; None if ``line`` is no header."""
    if "카카오톡 대화" not in line and "KakaoTalk Chat" not in line:
        return None
    match = _ROOM.match(line.removeprefix("\ufeff"))
    return next((group.strip() for group in match.groups() if group), "") if match else None


def deleted(text: str) -> bool:
    """Whether a message's text is what the app puts in the place of one that was deleted."""
    return _DELETED.match(text) is not None


def day_line(line: str) -> date | None:
    """The day that ``--------------- 2026년 1월 4일 일요일 ---------------`` announces."""
    match = _DAY.match(line)
    if not match:
        return None
    if match["em"]:
        return _date(match["ey"], match["em"], match["ed"])
    return _date(match["y"], match["m"], match["d"])


def bare_day(line: str) -> date | None:
    """The day that ``2026년 2월 1일 일요일`` names, which announces it on iOS, and may be text anywhere."""
    match = _BARE_DAY.match(line)
    return _date(match["y"], match["m"], match["d"]) if match else None


def notice(line: str) -> bool:
    """Whether ``line`` is the room's own: who came and went, what was hidden."""
    return _NOTICE.match(line) is not None


def windows(line: str) -> Line | None:
    """``[name] [오전 1:01] text``."""
    match = _WINDOWS.match(line) if line.startswith("[") else None
    clock = _clock(match) if match else None
    return Line(None, match["name"], match["text"] or "", clock) if match and clock else None


def phone(line: str, dialect: str) -> Line | None:
    """``2026년 1월 4일 오후 3:10, name : text`` and its relatives; ``dialect`` is a key of ``PHONES``."""
    match = _PHONE[dialect].match(line)
    if not match:
        return None
    day, clock = _date(match["y"], match["m"], match["d"]), _clock(match)
    if not day or not clock:
        return None
    return Line(datetime.combine(day, clock), match["name"], match["text"] or match["notice"] or "")


def stands_alone(text: str, line: Line | None) -> bool:
    """Whether ``text``, of which ``phone`` makes ``line``, is a date and nothing else."""
    return bare_day(text) is not None if line is None else line.name is None and not line.text


def csv(line: str) -> Line | None:
    """``2026-01-04 15:10:00,"name","text``: quotes are not always balanced, so no CSV reader sees it."""
    match = _CSV.match(line)
    if not match:
        return None
    try:
        when = datetime(*(int(match[part]) for part in "ymdhns"))  # type: ignore[arg-type]  # noqa: DTZ001
    except ValueError:
        return None
    name = match["quoted"].replace('""', '"') if match["quoted"] is not None else match["bare"]
    return Line(when, name.strip() or None, match["text"])


def csv_text(text: str) -> str:
    """The message of a CSV row without its quotes, and without notices that the app glued to its end."""
    if not text.startswith('"'):
        return text
    text = re.sub(r'"?,\s*"",\s*"[^"]*"?\s*$', "", text[1:]).rstrip()
    return text.removesuffix('"').replace('""', '"')


PHONES = tuple(_PHONE)


def _date(year: str, month: str, day: str) -> date | None:
    try:
        return date(int(year), int(month) if month.isdecimal() else _MONTHS.index(month[:3].lower()) + 1, int(day))
    except ValueError:
        return None


def _clock(match: re.Match[str]) -> time | None:
    """오전 12:05 is five past midnight, 오후 12:05 five past noon."""
    hour, minute = int(match["h"]), int(match["n"])
    half = (match["p"] or match["q"] or "").lower().replace(".", "")
    if half:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half in ("오후", "pm") else 0)
    try:
        return time(hour, minute)
    except ValueError:
        return None
