"""Which messages of a room's stream become which session, and in which order?"""

from __future__ import annotations

from datetime import datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from ion_summary.model import Message, Session
from ion_summary.transcripts import rooms, whatsapp_lines
from ion_summary.transcripts.reader import ReadOptions
from ion_summary.transcripts.rooms import Room, Spoken
from tests.transcripts.helpers import SEOUL

START = datetime(2026, 1, 4, 23, 59, tzinfo=SEOUL)


ROOM = Room("방")


def said(minutes: list[int], room: Room = ROOM) -> list[Spoken]:
    messages = [Message("user", f"{n}", START + timedelta(minutes=at), "김") for n, at in enumerate(minutes)]
    return [Spoken(message, room) for message in messages]


def contents(stream: list[Spoken], split: str = "day") -> list[list[str]]:
    found = rooms.sessions(stream, ReadOptions(SEOUL, split))
    return [[message.content for message in each.messages] for each in found if isinstance(each, Session)]


def test_days_are_local_ones() -> None:
    assert contents(said([0, 1, 2])) == [["0"], ["1", "2"]]
    assert contents(said([0, 1, 2]), "none") == [["0", "1", "2"]]


def test_the_newest_first_is_turned_round_also_within_a_minute() -> None:
    assert contents(said([9, 9, 9, 5, 5, 2])) == [["5", "4", "3", "2", "1", "0"]]


def test_one_that_is_out_of_order_turns_nothing_round() -> None:
    assert contents(said([5, 6, 6, 7, 2])) == [["4", "0", "1", "2", "3"]]


def test_two_rooms_in_one_stream_are_two_even_on_one_day() -> None:
    found = list(rooms.sessions(said([5]) + said([6], Room("다른 방", "x-1")), ReadOptions(SEOUL)))
    assert [(each.room, each.session_id) for each in found if isinstance(each, Session)] == [
        ("방", None),
        ("다른 방", "x-1-2026-01-05"),
    ]


DATES = st.dates(datetime(2010, 1, 1).date(), datetime(2035, 12, 31).date())
SHAPES = {"dmy": "{d}/{m}/{y}, 10:00 - A: x", "mdy": "{m}/{d}/{y}, 10:00 - A: x", "ymd": "{y}/{m}/{d} 10:00 - A: x"}


@given(DATES, st.lists(st.integers(0, 3), min_size=60, max_size=90), st.sampled_from(sorted(SHAPES)))
def test_whatsapp_days_and_months_are_told_apart(first: datetime, steps: list[int], order: str) -> None:
    """Two months of chatting in any order of the three numbers, in two digits, are read as what they are."""
    day, days = first, []
    for step in [*steps, 3, 3, 3, 3, 3, 3, 3]:
        day += timedelta(days=step)
        days.append(day)
    if len(set(days)) < 30:
        return
    text = [SHAPES[order].format(d=each.day, m=each.month, y=each.year % 100) for each in days]
    lines = [whatsapp_lines.line(each) for each in text]
    found = whatsapp_lines.order([each for each in lines if each])
    assert [whatsapp_lines.day(each.numbers, found) for each in lines if each] == days
