"""Which instants does a person mean by ``2026-01-04``, ``90d``, ``yesterday`` or ``3일 전``?

A strict grammar: what it does not know is a usage error, because a guess may decide what is deleted. (``dateutil``'s
parser reads ``90`` as the year 1990, and ``fromisoformat`` takes ``20260104`` and week dates.) Instants are whole
milliseconds since 1970 in UTC.
"""

from __future__ import annotations

import re
from datetime import UTC, date, datetime, timedelta, tzinfo
from unicodedata import normalize

from ion_summary.errors import UsageError

ACCEPTED = (
    "accepted: 2026-01-04, 2026-01-04T15:10, 2026-01-04T15:10:00+09:00 (or Z), 90d 12w 6mo 1y (ago), today, yesterday, "
    "오늘, 어제, 그제, 3일 전, 2주 전, 3개월 전, 1년 전"
)
ACCEPTED_AGES = "accepted: a positive age such as 90d, 12w, 6mo, 1y, 3일, 2주, 3개월, 1년"
ACCEPTED_ZONES = "accepted: local, UTC, or a name of the IANA database such as Asia/Seoul or America/New_York"

_ISO = re.compile(
    r"(?P<date>\d{4}-\d{2}-\d{2})"
    r"(?:[T ](?P<clock>(?:[01]\d|2[0-3]):[0-5]\d)(?P<second>:[0-5]\d)?(?P<fraction>\.\d{1,6})?"
    r"(?P<zone>Z|[+-](?:[01]\d|2[0-3]):?[0-5]\d)?)?",
    re.ASCII,
)
_COUNT = r"([1-9][0-9]{0,6})"
_AGO = re.compile(rf"{_COUNT}(?:(d|w|mo|y)| ?(일|주|개월|년) ?전)")
_AGE = re.compile(rf"{_COUNT}(?:(d|w|mo|y)| ?(일|주|개월|년)(?: ?전)?)")
_UNITS = {
    "d": "days",
    "일": "days",
    "w": "weeks",
    "주": "weeks",
    "mo": "months",
    "개월": "months",
    "y": "years",
    "년": "years",
}
_DAYS_AGO = {"today": 0, "오늘": 0, "yesterday": 1, "어제": 1, "그제": 2}
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class LocalZone(tzinfo):
    """The zone of this machine, with its changes over the years. (``zoneinfo`` cannot name it, and costs an import.)"""

    def utcoffset(self, dt: datetime | None) -> timedelta | None:
        """The offset at the wall clock time ``dt``."""
        return None if dt is None else dt.replace(tzinfo=None).astimezone().utcoffset()

    def dst(self, dt: datetime | None) -> timedelta | None:  # noqa: ARG002 - part of the offset, not known apart
        """Unknown."""
        return None

    def tzname(self, dt: datetime | None) -> str | None:
        """The abbreviation at ``dt``."""
        return None if dt is None else dt.replace(tzinfo=None).astimezone().tzname()

    def fromutc(self, dt: datetime) -> datetime:
        """The wall clock time of ``dt``, which is in UTC."""
        return dt.replace(tzinfo=UTC).astimezone().replace(tzinfo=self)

    def __repr__(self) -> str:
        return "local"


LOCAL = LocalZone()


def zone(name: str) -> tzinfo:
    """The time zone called ``name``: ``local``, ``UTC`` or an IANA name. Raises UsageError for any other."""
    if name.lower() == "local":
        return LOCAL
    if name.upper() in ("UTC", "Z"):
        return UTC
    from zoneinfo import ZoneInfo

    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError) as error:  # unknown; a path or not a name; a directory of zones
        raise UsageError(reason=f"unknown time zone {name!r}", accepted=ACCEPTED_ZONES) from error


def span(text: str, tz: tzinfo, now: datetime | None = None) -> tuple[int, int]:
    """The first and the last millisecond that ``text`` names, both inclusive.

    A date is a whole day in ``tz``, a minute a whole minute, an age the one instant so long before ``now`` (aware;
    default: the present). Raises UsageError for everything outside the grammar.
    """
    typed = normalize("NFC", text).strip().casefold()
    try:
        if typed in _DAYS_AGO:
            today = (now or datetime.now(UTC)).astimezone(tz).date()
            return _day(today - timedelta(days=_DAYS_AGO[typed]), tz)
        if match := _AGO.fullmatch(typed):
            instant = _ago(match, tz, now)
            return instant, instant
        if match := _ISO.fullmatch(typed.upper()):
            return _iso(match, tz)
    except (ValueError, OverflowError) as error:
        raise UsageError(reason=f"no such time: {text!r} ({error})", accepted=ACCEPTED) from error
    raise UsageError(reason=f"not a time: {text!r}", accepted=ACCEPTED)


def span_between(
    since: str | None, until: str | None, tz: tzinfo, now: datetime | None = None
) -> tuple[int | None, int | None]:
    """The first and the last millisecond from ``since`` to ``until``, both inclusive; None where there is no bound.

    Raises UsageError for a time outside the grammar and for a range that ends before it begins.
    """
    now = now or datetime.now(UTC)
    first = None if since is None else span(since, tz, now)[0]
    last = None if until is None else span(until, tz, now)[1]
    if first is not None and last is not None and first > last:
        raise UsageError(
            reason=f"nothing lies between --since {since} and --until {until}",
            accepted="give the earlier time to --since",
        )
    return first, last


def before(age: str, tz: tzinfo, now: datetime | None = None) -> int:
    """The millisecond ``age`` (``90d 12w 6mo 1y``, ``3개월``) before ``now``. Raises UsageError for anything else."""
    match = _AGE.fullmatch(normalize("NFC", age).strip().casefold())
    if match is None:
        raise UsageError(reason=f"not an age: {age!r}", accepted=ACCEPTED_AGES)
    try:
        return _ago(match, tz, now)
    except (ValueError, OverflowError) as error:
        raise UsageError(reason=f"no such time: {age!r} ago ({error})", accepted=ACCEPTED_AGES) from error


def iso(milliseconds: int, tz: tzinfo = UTC) -> str:
    """ISO 8601 of ``milliseconds`` since 1970: in UTC with ``Z``, else with the offset; no fraction if it is zero."""
    moment = (_EPOCH + milliseconds * _MILLISECOND).astimezone(tz)
    text = moment.isoformat(timespec="milliseconds" if milliseconds % 1000 else "seconds")
    return text.replace("+00:00", "Z") if tz is UTC else text


def read(created_at: str, tz: tzinfo, stored_tz: tzinfo) -> datetime:
    """The moment of a record's ``created_at``, in ``tz``; a naive time (adopted store) is one of ``stored_tz``.

    Raises ValueError if it is no ISO time, OverflowError if ``tz`` has no such year.
    """
    moment = datetime.fromisoformat(created_at)
    return (moment if moment.tzinfo else moment.replace(tzinfo=stored_tz)).astimezone(tz)


def _ago(match: re.Match[str], tz: tzinfo, now: datetime | None) -> int:
    now = now or datetime.now(UTC)
    count, name = int(match[1]), _UNITS[match[2] or match[3]]
    if name in ("days", "weeks"):
        return _milliseconds(now - timedelta(**{name: count}))
    from dateutil.relativedelta import relativedelta

    # Months are those of the calendar on the wall: 6 months before 31 August is the last of February.
    return _milliseconds(now.astimezone(tz) - relativedelta(months=count * (12 if name == "years" else 1)))


def _iso(match: re.Match[str], tz: tzinfo) -> tuple[int, int]:
    if match["clock"] is None:
        return _day(date.fromisoformat(match["date"]), tz)
    if match["fraction"] and not match["second"]:
        raise ValueError("a fraction needs seconds")
    moment = datetime.fromisoformat(match[0])
    first = _milliseconds(moment if moment.tzinfo else moment.replace(tzinfo=tz))
    if match["fraction"]:
        return first, first
    return first, first + (1_000 if match["second"] else 60_000) - 1


def _day(day: date, tz: tzinfo) -> tuple[int, int]:
    start = datetime(day.year, day.month, day.day, tzinfo=tz)
    if day == date.max:  # people write 9999-12-31 for "for ever"
        return _milliseconds(start), _milliseconds(start) + 86_400_000 - 1
    # Not 24 hours: the day on which the clocks change has 23 or 25.
    following = day + timedelta(days=1)
    end = datetime(following.year, following.month, following.day, tzinfo=tz)
    return _milliseconds(start), _milliseconds(end) - 1


def _milliseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // _MILLISECOND
