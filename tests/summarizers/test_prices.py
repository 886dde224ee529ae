"""What do tokens cost, and how well are they estimated before?"""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

import pytest

from ion_summary.errors import ConfigurationError
from ion_summary.model import Message, Usage
from ion_summary.summarizers.llm import LlmRequest
from ion_summary.summarizers.llm.estimate import Estimator
from ion_summary.summarizers.llm.prices import load
from tests.fake_gemini.answers import tokens
from tests.summarizers.conftest import korean

TODAY = date(2026, 11, 22)
USAGE = Usage(1_000_000, 100_000, cached=400_000)


def test_usage_is_priced_by_kind() -> None:
    prices = load()
    assert prices.cost(USAGE, "gemini-2.5-flash-lite", day=TODAY) == pytest.approx(0.06 + 0.004 + 0.04)
    assert prices.cost(USAGE, "gemini-2.5-flash-lite", batch=True, day=TODAY) == pytest.approx(0.05 + 0.02)
    assert prices.cost(USAGE, "gemini-3.5-flash-lite", day=TODAY) == pytest.approx(0.18 + 0.012 + 0.25)
    assert prices.cost(Usage(), "gemini-3.8-flash", day=TODAY) == 0
    assert prices.date <= date.today()


@pytest.mark.parametrize(("day", "usd"), [(date(2026, 12, 31), 3.75), (date(2027, 1, 1), 7.5)])
def test_a_promotion_ends(day: date, usd: float) -> None:
    assert load().cost(Usage(0, 1_000_000), "gemini-3.8-flash", day=day) == pytest.approx(usd)


@pytest.mark.parametrize(
    ("model", "known"),
    [
        ("models/gemini-2.5-flash-lite", True),
        ("gemini-2.5-flash-lite-001", True),
        ("gemini-2.5-flash-lite-preview-09-2026", True),
        ("gemini-2.5-flash-lite-pro", False),
        ("gemini-2.5-flash", False),
        ("gemini-9", False),
        ("", False),
    ],
)
def test_an_unknown_model_is_said_to_be_and_priced_as_the_dearest(model: str, known: bool) -> None:
    prices = load()
    assert prices.knows(model) is known
    assert prices.rate(model, TODAY).output == (0.4 if known else 3.75)


def test_a_user_adds_and_replaces(tmp_path: Path) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(
        '[models."gemini-9"]\ninput = 9\noutput = 90\n[[models."gemini-2.5-flash-lite"]]\ninput=1\noutput=2\n'
    )
    prices = load(file)
    assert prices.cost(Usage(1_000_000, 1_000_000), "gemini-9", batch=True) == pytest.approx(99)
    assert prices.cost(Usage(1_000_000, 0), "gemini-2.5-flash-lite") == pytest.approx(1)
    assert prices.knows("gemini-3.5-flash-lite") and prices.rate("unknown").output == 90


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("models = 3", "table"),
        ("[models.x]\ninput = 1", "output is missing"),
        ('[models.x]\ninput = 1\noutput = "2"', "output must be a number"),
        ("[models.x]\ninput = -1\noutput = 2", "input must be a number"),
        ("[models.x]\ninput = true\noutput = 2", "input must be a number"),
        ("[models.x]\ninput = 1\noutput = 2\nprice = 3", "unknown field 'price'"),
        ('[models.x]\ninput = 1\noutput = 2\nuntil = "soon"', "until must be a date"),
        ("[models]\nx = []", "holds no price"),
        ("[models]\nx = 3", "must be a table"),
        ("[models", "TOML"),
    ],
)
def test_a_bad_table_is_named(tmp_path: Path, text: str, reason: str) -> None:
    file = tmp_path / "prices.toml"
    file.write_text(text)
    with pytest.raises(ConfigurationError, match=reason) as caught:
        load(file)
    assert str(file) in caught.value.message


def test_a_table_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match="cannot be read"):
        load(tmp_path / "none.toml")


def english(size: int) -> LlmRequest:
    return LlmRequest([Message("user", "The printer shows an error and prints nothing at all. " * size)])


@pytest.mark.parametrize("request_of", [lambda size: korean("환불 규정을 알고 싶어요. " * size), english])
def test_estimates_learn_from_what_was_billed(request_of: Callable[[int], LlmRequest]) -> None:
    estimator = Estimator()
    requests = [request_of(size) for size in range(1, 60)]

    def billed(request: LlmRequest) -> Usage:
        return Usage(430 + sum(tokens(message.content) + 6 for message in request.messages), 120)

    for request in requests[::2]:
        assert estimator.ceiling(request).input >= billed(request).input
        estimator.learn(request, billed(request))
    for request in requests[21::2]:
        assert estimator.estimate(request).input == pytest.approx(billed(request).input, rel=0.15)
        assert estimator.estimate(request).output == pytest.approx(120, rel=0.05)
        assert billed(request).input <= estimator.ceiling(request).input < 1.5 * billed(request).input


def test_korean_and_english_are_learnt_apart() -> None:
    estimator = Estimator()
    before = estimator.estimate(english(10))
    for _ in range(20):
        estimator.learn(korean(), Usage(10_000, 9_000))
    assert estimator.estimate(english(10)) == before
    assert estimator.estimate(korean()).input > 8_000
