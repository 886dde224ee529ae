from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ion_summary.errors import UsageError
from ion_summary.model import Message
from ion_summary.summarizers.rule import RunningSummary, realtime_summary, summarize
from tests.conftest import examples
from tests.summarizers.test_rule import TALK
from tests.summarizers.test_rule_properties import messages, texts

KOREAN = [
    Message("user", "안녕하세요. 주문번호 20251026-881 환불하고 싶어요."),
    Message("assistant", "네. 결제하신 39,000원은 3일 안에 환불됩니다."),
    Message("user", "배송비 3,000원도 돌려받나요?"),
]


class Counting(list[Any]):
    """A conversation that counts which of its messages are looked at."""

    def __init__(self, said: list[Any]) -> None:
        super().__init__(said)
        self.looked_at: list[Any] = []

    def __getitem__(self, place: Any) -> Any:
        self.looked_at.append(place)
        return super().__getitem__(place)


@pytest.mark.parametrize("said", [TALK, KOREAN])
def test_kept_from_turn_to_turn_it_says_the_same_as_made_anew(said: list[Any]) -> None:
    running = RunningSummary()
    for turn in range(1, len(said) + 1):
        assert realtime_summary(said[:turn], running) == realtime_summary(said[:turn])
        running = RunningSummary.from_dict(json.loads(json.dumps(running.to_dict())))


def test_a_turn_looks_at_a_bounded_number_of_messages() -> None:
    said = Counting([{"role": "user", "content": f"Topic number{n} concerns building{n}."} for n in range(2000)])
    running = RunningSummary()
    realtime_summary(said, running)
    said.append({"role": "user", "content": "The last one is about the harbour."})
    said.looked_at.clear()
    assert "harbour" in realtime_summary(said, running)
    assert len(said.looked_at) < 60 and said.looked_at.count(2000) == 1


@pytest.mark.parametrize(
    "other",
    [
        [*TALK[:-1], {"role": "user", "content": "Thanks! Is it safe?"}],
        [{"role": "user", "content": "Hi! My scanner is on fire."}, *TALK[1:]],
        [{**TALK[0], "role": "assistant"}, *TALK[1:]],
        TALK[:3],
        TALK[1:],
        KOREAN,
        [],
    ],
)
def test_what_is_another_conversation_or_an_edited_one_begins_anew(other: list[Any]) -> None:
    running = RunningSummary()
    realtime_summary(TALK, running)
    assert realtime_summary(other, running) == realtime_summary(other)


def test_a_previous_summary_as_text_stands_for_messages_that_are_gone() -> None:
    for said, whole in ((TALK, 3), (KOREAN, 2)):
        before = realtime_summary(said[:whole])
        assert realtime_summary(said[whole:], before) == realtime_summary(said)


def test_a_previous_summary_of_a_room_keeps_its_names() -> None:
    room = [
        Message("user", "The roof leaks above the kitchen.", name="Project Manager"),
        Message("user", "A bucket stands under the hole.", name="Paul Miller"),
        Message("user", "The plumber comes on Monday morning.", name="지수"),
        Message("user", "The roof also needs new gutters.", name="Project Manager"),
    ]
    text = realtime_summary(room[2:], realtime_summary(room[:2]))
    assert text.startswith("- PM: The roof leaks above the kitchen. → …: A bucket")
    assert "PM: The roof also" in text and "지수: The plumber" in text


def test_a_previous_summary_written_by_others_is_kept_as_nobodys() -> None:
    text = realtime_summary(TALK[3:], "• The customer cannot print: error E-42.\n• Decision: send a new drum")
    assert "- …: The customer cannot print: error E-42." in text and "Decision: send a new drum" in text
    assert "DR-2400" in text
    assert text.count("- …: ") == realtime_summary(TALK[4:], text).count("- …: ") == 1


@settings(max_examples=examples(150), deadline=None)
@given(messages, st.integers(0, 12), texts, st.integers(1, 12), st.integers(1, 1200), st.integers(1, 200))
def test_limits_are_hard(
    said: list[dict[str, str]], place: int, previous: str, bullets: int, chars: int, line: int
) -> None:
    running = RunningSummary()
    realtime_summary(said[:place], running)
    for known in (None, running, previous, summarize(said[:place])):
        text = realtime_summary(said, known, bullets, chars, line)
        assert len(text) <= chars and text.count("\n") < bullets
        assert all(len(each) <= line for each in text.split("\n"))


@settings(max_examples=examples(100), deadline=None)
@given(messages, messages, st.integers(0, 12))
def test_whatever_was_followed_before_the_summary_is_of_what_is_given(
    said: list[dict[str, str]], other: list[dict[str, str]], place: int
) -> None:
    running = RunningSummary()
    realtime_summary([message | {"content": message["content"] + " Elsewhere."} for message in other], running)
    realtime_summary(said[:place], running)
    assert realtime_summary(said, running) == realtime_summary(said)


@pytest.mark.parametrize("bad", [{"max_bullets": 0}, {"max_chars": True}, {"per_line_max": 1.5}])
def test_limits_that_mean_nothing_are_usage_errors(bad: dict[str, Any]) -> None:
    for known in (None, RunningSummary(), "- U: The roof leaks."):
        with pytest.raises(UsageError):
            realtime_summary(TALK, known, **bad)
