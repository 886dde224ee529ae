from __future__ import annotations

import json

import pytest

from ion_summary.errors import UsageError
from ion_summary.model import Message
from ion_summary.summarizers.rule import RunningSummary, digest_session, summarize

REFUND = [
    Message("user", "안녕하세요. 주문번호 20251026-881 환불하고 싶어요."),
    Message("assistant", "네. 결제하신 39,000원은 3일 안에 환불됩니다."),
]


def test_a_session_becomes_bullets_with_short_speakers() -> None:
    lines = summarize(REFUND).splitlines()
    assert lines and all(line.startswith(("- U: ", "- A: ")) for line in lines)
    assert "20251026-881" in lines[0]


def test_the_three_entrances_agree() -> None:
    running = RunningSummary()
    for message in REFUND:
        running.add(message)
    summary, tags = digest_session(REFUND, 8, 800)
    assert summary == summarize(REFUND, 8, 800) == running.summary(8, 800)
    assert tags == running.tags()


def test_a_restored_state_goes_on_as_the_original() -> None:
    running = RunningSummary()
    running.add(REFUND[0])
    other = RunningSummary.from_dict(json.loads(json.dumps(running.to_dict())))
    for each in (running, other):
        each.add(REFUND[1])
    assert running.summary() == other.summary() and running.to_dict() == other.to_dict()


@pytest.mark.parametrize("bad", [0, -1, True, 1.5, "8", None])
def test_limits_that_mean_nothing_are_usage_errors(bad: object) -> None:
    with pytest.raises(UsageError):
        summarize(REFUND, max_bullets=bad)  # type: ignore[arg-type]
    with pytest.raises(UsageError):
        summarize(REFUND, max_chars=bad)  # type: ignore[arg-type]


@pytest.mark.parametrize("content", [None, 42, 1.5, ["a"], {"a": 1}, ""])
def test_content_that_is_no_text_does_not_crash(content: object) -> None:
    assert isinstance(summarize([{"role": "user", "content": content}]), str)
