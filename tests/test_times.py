from __future__ import annotations

import os
import time
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from unicodedata import normalize
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary import times
from ion_summary.errors import UsageError

SEOUL = ZoneInfo("Asia/Seoul")
NOW = datetime(2026, 8, 31, 15, 30, tzinfo=UTC)  # in Seoul it is already 1 September
ZONES = st.sampled_from(["UTC", "Asia/Seoul", "America/New_York", "Asia/Kolkata", "Pacific/Apia", "Asia/Beirut"])
DAYS = st.dates(date(1971, 1, 1), date(2099, 12, 30))


def ms(text: str) -> int:
    return round(datetime.fromisoformat(text).timestamp() * 1000)


@pytest.mark.parametrize(
    ("text", "first", "last"),
    [
        ("2026-01-04", "2026-01-04T00:00:00+09:00", "2026-01-04T23:59:59.999+09:00"),
        ("2026-01-04T15:10", "2026-01-04T15:10:00+09:00", "2026-01-04T15:10:59.999+09:00"),
        ("2026-01-04 15:10:07", "2026-01-04T15:10:07+09:00", "2026-01-04T15:10:07.999+09:00"),
        ("2026-01-04T15:10:07.25", "2026-01-04T15:10:07.250+09:00", "2026-01-04T15:10:07.250+09:00"),
        ("2026-01-04T15:10:00Z", "2026-01-04T15:10:00+00:00", "2026-01-04T15:10:00.999+00:00"),
        ("2026-01-04T15:10:00.000Z", "2026-01-04T15:10:00+00:00", "2026-01-04T15:10:00+00:00"),
        ("2026-01-04T15:10-0500", "2026-01-04T15:10:00-05:00", "2026-01-04T15:10:59.999-05:00"),
        ("today", "2026-09-01T00:00:00+09:00", "2026-09-01T23:59:59.999+09:00"),
        ("오늘", "2026-09-01T00:00:00+09:00", "2026-09-01T23:59:59.999+09:00"),
        ("yesterday", "2026-08-31T00:00:00+09:00", "2026-08-31T23:59:59.999+09:00"),
        ("어제", "2026-08-31T00:00:00+09:00", "2026-08-31T23:59:59.999+09:00"),
        ("그제", "2026-08-30T00:00:00+09:00", "2026-08-30T23:59:59.999+09:00"),
        ("  Today ", "2026-09-01T00:00:00+09:00", "2026-09-01T23:59:59.999+09:00"),
    ],
)
def test_days_and_moments_cover_what_they_name(text: str, first: str, last: str) -> None:
    assert times.span(text, SEOUL, NOW) == (ms(first), ms(last))


@pytest.mark.parametrize(
    ("texts", "expected"),
    [
        (["90d", "90일 전", "90일전"], "2026-06-02T15:30:00+00:00"),
        (["12w", "12주 전"], "2026-06-08T15:30:00+00:00"),
        (["1d", "1일 전"], "2026-08-30T15:30:00+00:00"),
        # On the wall in Seoul it is 00:30 on 1 September, so a month ago was 1 August there.
        (["1mo", "1개월 전"], "2026-08-01T00:30:00+09:00"),
        (["1y", "1년 전", "12mo"], "2025-09-01T00:30:00+09:00"),
    ],
)
def test_ages_are_one_instant(texts: list[str], expected: str) -> None:
    for text in texts:
        assert times.span(text, SEOUL, NOW) == (ms(expected), ms(expected)), text
        assert times.before(text, SEOUL, NOW) == ms(expected), text


def test_months_end_where_the_calendar_does() -> None:
    assert times.before("6mo", UTC, NOW) == ms("2026-02-28T15:30:00+00:00")


@pytest.mark.parametrize("text", ["3일 전", "그제", "2주 전", "3개월 전"])
def test_korean_typed_in_nfd_means_the_same(text: str) -> None:
    assert normalize("NFD", text) != text
    assert times.span(normalize("NFD", text), SEOUL, NOW) == times.span(text, SEOUL, NOW)


@pytest.mark.parametrize(
    "text",
    [
        "", " ", "0d", "-1d", "+1d", "1.5d", "00d", "1h30m", "90", "monday", "Monday", "1m", "6 mo",
        "3d 전", "3일", "전", "20260104", "2026-W01-1", "2026-01", "2026-004", "2026-1-4", "26-01-04",
        "2026/01/04", "2026-02-30", "2026-13-01", "2026-01-04T24:00", "2026-01-04T15",
        "2026-01-04T15:60", "2026-01-04T15:10:60", "2026-01-04T15:10 KST", "2026-01-04T15:10,5",
        "2026-01-04T15:10.5", "2026-01-04T15:10:00+9", "2026-01-04  15:10", "2026-01-04T", "now",
        "tomorrow", "내일", "٣d", "３d", "99999999d", "9999999y", "9999999d", "2026-01-04\n2026-01-05",
        "0일 전", "today today",
    ],
)  # fmt: skip
def test_everything_else_is_refused_with_what_is_accepted(text: str) -> None:
    with pytest.raises(UsageError) as caught:
        times.span(text, SEOUL, NOW)
    assert "90d" in caught.value.hint
    assert "오늘" in caught.value.hint


@pytest.mark.parametrize("text", ["0d", "0mo", "", "today", "2026-01-04", "오늘", "1h", "-3d", "9999999y"])
def test_an_age_is_positive_and_nothing_else(text: str) -> None:
    with pytest.raises(UsageError):
        times.before(text, UTC, NOW)


def test_an_age_in_korean_needs_no_ago() -> None:
    assert times.before("3개월", UTC, NOW) == times.before("3mo", UTC, NOW)


@given(st.text(max_size=25))
def test_no_text_raises_anything_but_a_usage_error(text: str) -> None:
    try:
        first, last = times.span(text, SEOUL, NOW)
    except UsageError:
        return
    assert first <= last


@given(DAYS, ZONES)
def test_the_days_of_a_zone_leave_no_gap_and_do_not_overlap(day: date, name: str) -> None:
    zone = times.zone(name)
    _, last = times.span(day.isoformat(), zone)
    first, _ = times.span((day + timedelta(days=1)).isoformat(), zone)
    assert first == last + 1


@given(st.datetimes(datetime(1971, 1, 1), datetime(2099, 12, 31)), ZONES)
def test_a_moment_lies_in_its_own_day(moment: datetime, name: str) -> None:
    zone = times.zone(name)
    aware = moment.replace(tzinfo=UTC)
    first, last = times.span(aware.astimezone(zone).date().isoformat(), zone)
    assert first <= aware.timestamp() * 1000 < last + 1


@given(st.integers(0, 10**13), ZONES)
def test_what_is_printed_is_read_back(milliseconds: int, name: str) -> None:
    zone = times.zone(name)
    printed = times.iso(milliseconds, zone)
    assert times.span(printed, UTC)[0] == milliseconds
    assert round(times.read(printed, zone, SEOUL).timestamp() * 1000) == milliseconds


def test_the_day_of_the_changing_clocks_has_23_hours() -> None:
    first, last = times.span("2026-03-08", ZoneInfo("America/New_York"))
    assert last + 1 - first == 23 * 3_600_000


def test_the_last_day_of_all_is_one() -> None:
    assert times.span("9999-12-31", UTC)[1] == ms("9999-12-31T23:59:59.999+00:00")


def test_range_is_inclusive_on_both_sides() -> None:
    first, last = times.span_between("2026-01-04", "2026-01-05", SEOUL, NOW)
    assert (first, last) == (ms("2026-01-04T00:00:00+09:00"), ms("2026-01-05T23:59:59.999+09:00"))
    assert times.span_between(None, None, SEOUL, NOW) == (None, None)
    assert times.span_between("today", None, SEOUL, NOW)[1] is None


def test_range_that_ends_before_it_begins_is_refused() -> None:
    with pytest.raises(UsageError, match="2026-01-05"):
        times.span_between("2026-01-05", "2026-01-04", SEOUL, NOW)
    with pytest.raises(UsageError):
        times.span_between("9999-12-31", "0001-01-02", SEOUL, NOW)


@pytest.mark.parametrize("name", ["Mars", "", "../../etc/passwd", "/etc/localtime", "Asia", "a\0b", "x" * 300, "KST9"])
def test_unknown_zones_are_usage_errors(name: str) -> None:
    with pytest.raises(UsageError, match="time zone"):
        times.zone(name)


def test_known_zones() -> None:
    assert times.zone("Asia/Seoul") == SEOUL
    assert times.zone("utc") is UTC
    assert times.zone("local") is times.LOCAL


@pytest.fixture(params=["America/New_York", "Asia/Seoul", "UTC"])
def machine_zone(request: pytest.FixtureRequest) -> Iterator[ZoneInfo]:
    before = os.environ.get("TZ")
    os.environ["TZ"] = request.param
    time.tzset()
    yield ZoneInfo(request.param)
    if before is None:
        del os.environ["TZ"]
    else:
        os.environ["TZ"] = before
    time.tzset()


def test_local_zone_is_the_machines_with_all_its_changes(machine_zone: ZoneInfo) -> None:
    hour = datetime(2026, 3, 7, tzinfo=UTC)
    for back in range(0, 24 * 400, 7):
        moment = hour + timedelta(hours=back)
        local = moment.astimezone(times.LOCAL)
        assert local.replace(tzinfo=None) == moment.astimezone(machine_zone).replace(tzinfo=None)
        assert local.utcoffset() == moment.astimezone(machine_zone).utcoffset()
    assert times.span("2026-03-08", times.LOCAL) == times.span("2026-03-08", machine_zone)
    assert times.span("2026-11-01", times.LOCAL) == times.span("2026-11-01", machine_zone)


def test_naive_times_of_an_adopted_store_are_times_of_its_zone() -> None:
    naive = "2026-01-04T15:10:00.123456"
    assert times.read(naive, SEOUL, SEOUL) == datetime(2026, 1, 4, 15, 10, 0, 123456, SEOUL)
    assert times.read(naive, UTC, SEOUL).isoformat() == "2026-01-04T06:10:00.123456+00:00"
    assert times.read("2026-01-04T15:10:00Z", SEOUL, UTC).isoformat() == "2026-01-05T00:10:00+09:00"
    with pytest.raises(ValueError, match="sometime"):
        times.read("sometime", SEOUL, SEOUL)
