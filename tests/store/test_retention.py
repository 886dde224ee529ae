from __future__ import annotations

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ion_summary.store.archives.retention import Rules, reasons_to_keep
from tests.conftest import examples

SEOUL = ZoneInfo("Asia/Seoul")
NEW_YORK = ZoneInfo("America/New_York")
START = datetime(2025, 12, 1, tzinfo=UTC)


def model(made: list[datetime], rules: Rules, tz: ZoneInfo, now: datetime) -> set[int]:
    """Which archives stay: written as the help says it, by sorting calendars as text."""
    if rules == Rules(0, 0, 0, 0):
        return set(range(len(made)))
    past = sorted((moment, at) for at, moment in enumerate(made) if moment <= now)
    stay = {at for at, moment in enumerate(made) if moment > now}
    stay |= {at for _, at in past[len(past) - max(rules.last, 1) if len(past) > max(rules.last, 1) else 0 :]}
    for count, form in ((rules.daily, "%Y-%m-%d"), (rules.weekly, "%G-%V"), (rules.monthly, "%Y-%m")):
        newest: dict[str, int] = {}
        for moment, at in past:
            newest[moment.astimezone(tz).strftime(form)] = at
        stay |= {newest[label] for label in sorted(newest, reverse=True)[:count]}
    return stay


counts = st.integers(0, 6)
moments = st.lists(st.integers(0, 3_000), max_size=25, unique=True)


@settings(max_examples=examples(3_000))
@given(moments, st.tuples(counts, counts, counts, counts), st.sampled_from([SEOUL, NEW_YORK]), st.integers(0, 3_000))
def test_thousands_of_directories_are_kept_as_a_model_keeps_them(
    hours: list[int], rule: tuple[int, int, int, int], tz: ZoneInfo, now: int
) -> None:
    made = [START + timedelta(hours=hour, minutes=7) for hour in hours]
    rules, present = Rules(*rule), START + timedelta(hours=now)
    reasons = reasons_to_keep(made, rules, tz, present)
    assert {at for at, why in enumerate(reasons) if why} == model(made, rules, tz, present)
    if made:
        assert reasons[made.index(max(made))]
    # What has been thinned out once is not thinned out further.
    kept = [moment for moment, why in zip(made, reasons, strict=True) if why]
    assert all(reasons_to_keep(kept, rules, tz, present))


@pytest.mark.parametrize(
    ("rules", "left"),
    [
        (Rules(), "01-04T23 01-05T00 01-05T01 01-11T12 01-31T23 02-01T00"),
        (Rules(last=1), "02-01T00"),
        (Rules(last=2), "01-31T23 02-01T00"),
        (Rules(daily=3), "01-11T12 01-31T23 02-01T00"),
        (Rules(daily=4), "01-05T01 01-11T12 01-31T23 02-01T00"),
        # 5 to 11 January are one week, 26 January to 1 February another.
        (Rules(weekly=2), "01-11T12 02-01T00"),
        (Rules(weekly=3), "01-04T23 01-11T12 02-01T00"),
        (Rules(monthly=2), "01-31T23 02-01T00"),
        (Rules(monthly=9), "01-31T23 02-01T00"),
        (Rules(last=1, daily=1, weekly=1, monthly=2), "01-31T23 02-01T00"),
    ],
)
def test_days_weeks_and_months_are_those_of_the_calendar(rules: Rules, left: str) -> None:
    names = ["01-04T23", "01-05T00", "01-05T01", "01-11T12", "01-31T23", "02-01T00"]
    made = [datetime.fromisoformat(f"2026-{name}:00:00+00:00") for name in names]
    reasons = reasons_to_keep(made, rules, UTC, made[-1])
    assert " ".join(name for name, why in zip(names, reasons, strict=True) if why) == left


def test_a_day_ends_where_the_person_is() -> None:
    made = [datetime(2026, 1, 4, hour, tzinfo=UTC) for hour in (14, 16)]  # 23:00 and 01:00 in Seoul
    assert reasons_to_keep(made, Rules(daily=2), SEOUL, made[-1]) == [["daily"], ["newest", "daily"]]
    assert reasons_to_keep(made, Rules(daily=2), UTC, made[-1]) == [[], ["newest", "daily"]]


def test_an_archive_from_the_future_takes_nobodys_place() -> None:
    made = [datetime(2026, 1, 4, tzinfo=UTC), datetime(2099, 1, 1, tzinfo=UTC)]
    now = datetime(2026, 1, 4, 1, tzinfo=UTC)
    assert reasons_to_keep(made, Rules(last=1), UTC, now) == [["last"], ["future"]]
