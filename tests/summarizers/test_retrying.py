"""What is tried again, how often and when; and when is nobody asked any more? On simulated time."""

from __future__ import annotations

import itertools
from collections.abc import Callable
from typing import Any

import pytest

from ion_summary.errors import (
    ProviderError,
    ProviderRefusedError,
    ProviderUnavailableError,
    RateLimitedError,
    UnusableAnswerError,
)
from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmSummary
from ion_summary.summarizers.llm.breaker import Breaker
from ion_summary.summarizers.llm.retrying import MOST_CALLS, MOST_REFUSED, MOST_UNUSABLE, Retrying
from tests.summarizers.simulated import Provider, simulate, work_off


def one(failures: list[ProviderError], chance: Callable[[], float] = lambda: 0.0) -> tuple[Any, Provider, float]:
    provider = Provider(failures=failures, latency_s=0.0)
    (result,), took = simulate(work_off(Retrying(provider, chance).summarize, 1, 1))
    return result, provider, took


def unavailable(**given: Any) -> ProviderUnavailableError:
    return ProviderUnavailableError(reason="503", **given)


def test_a_failure_that_passes_is_survived_and_its_tries_are_counted() -> None:
    billed = UnusableAnswerError(reason="no JSON", usage=Usage(1000, 40), cost_usd=0.004)
    result, provider, _ = one([unavailable(), billed])
    assert result.calls == 3 == len(provider.sent)
    assert result.usage == Usage(2000, 140)
    assert result.cost_usd == pytest.approx(0.014)


@pytest.mark.parametrize(
    ("error", "calls"),
    [
        (unavailable, MOST_CALLS),
        (lambda: UnusableAnswerError(reason="no JSON", usage=Usage(1, 1)), MOST_UNUSABLE),
        (lambda: RateLimitedError(reason="429"), MOST_REFUSED),
    ],
)
def test_tries_are_bounded(error: Callable[[], ProviderError], calls: int) -> None:
    result, provider, _ = one([error() for _ in range(100)])
    assert isinstance(result, ProviderError)
    assert result.calls == len(provider.sent) == calls
    assert result.usage == Usage(calls, calls) if result.usage else True


@pytest.mark.parametrize(
    "error",
    [
        ProviderRefusedError(reason="SAFETY", terminal=True),
        RateLimitedError(reason="PerDay", terminal=True, whole_run=True, retry_after_s=3.0),
        unavailable(terminal=True),
        unavailable(retry_after_s=3600.0),
    ],
)
def test_terminal_answers_are_never_tried_again(error: ProviderError) -> None:
    result, provider, took = one([error])
    assert result is error and len(provider.sent) == 1 and took == 0


def test_backoff_doubles_with_jitter_and_is_never_shorter_than_asked_for() -> None:
    for chance, share in ((0.0, 0.5), (1.0, 1.0)):
        _, provider, _ = one([unavailable() for _ in range(9)], lambda chance=chance: chance)
        waits = [after - before for before, after in zip(provider.sent, provider.sent[1:], strict=False)]
        assert waits == pytest.approx([share, 2 * share, 4 * share, 8 * share])
    _, provider, _ = one([unavailable(retry_after_s=30.0)])
    assert provider.sent[1] == pytest.approx(30)


def test_what_every_call_would_meet_is_asked_once() -> None:
    def refused() -> ProviderError:
        return ProviderRefusedError(reason="key", terminal=True, whole_run=True, usage=Usage(5, 5), cost_usd=1.0)

    provider = Provider(failures=[refused() for _ in range(5)])
    results, _ = simulate(work_off(Breaker(provider).summarize, 1000, 1))
    assert len(provider.sent) == 1
    assert all(isinstance(result, ProviderRefusedError) and result.whole_run for result in results)
    assert sum(result.cost_usd for result in results) == 1.0 == sum(result.calls for result in results)


def test_after_a_rest_it_is_asked_again() -> None:
    import asyncio

    provider = Provider(failures=[RateLimitedError(reason="PerDay", terminal=True, whole_run=True)])
    breaker = Breaker(provider)

    async def work() -> list[Any]:
        first = await work_off(breaker.summarize, 3, 1)
        await asyncio.sleep(61)
        return first + await work_off(breaker.summarize, 3, 1)

    results, _ = simulate(work())
    assert [isinstance(result, LlmSummary) for result in results] == [False] * 3 + [True] * 3


def test_rests_grow_until_it_answers_and_begin_anew() -> None:
    import asyncio

    def none_left(count: int) -> list[ProviderError | None]:
        return [RateLimitedError(reason="PerDay", terminal=True, whole_run=True) for _ in range(count)]

    provider = Provider(latency_s=0.0, failures=[*none_left(6), None, *none_left(2)])
    breaker = Breaker(provider)

    async def work() -> None:
        for _ in range(4000):  # somebody asks ten times a second
            await work_off(breaker.summarize, 3, 3)
            await asyncio.sleep(0.1)
            if len(provider.sent) > 10:
                return

    simulate(work())
    asked = sorted(set(provider.sent))
    # Those that were under way together are one failure.
    waits = [round(after - before) for before, after in itertools.pairwise(asked)]
    assert waits == [5, 10, 5]


def test_a_provider_that_is_down_for_long_ends_the_run_and_a_short_one_does_not() -> None:
    def run(failing: int) -> list[Any]:
        provider = Provider(failures=(unavailable() for _ in range(failing)))
        return simulate(work_off(Retrying(Breaker(provider), lambda: 0.5).summarize, 200, 16))[0]

    assert not any(result.whole_run for result in run(60) if isinstance(result, ProviderError))
    down = run(10**5)
    assert any(result.whole_run for result in down) and all(isinstance(result, ProviderError) for result in down)
