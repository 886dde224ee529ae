"""Are the provider's limits kept, and found where nobody knows them? On simulated time."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary.errors import ProviderError, ProviderUnavailableError, RateLimitedError, UsageError
from ion_summary.model import Usage
from ion_summary.summarizers.llm.limits import Limited, Limits
from ion_summary.summarizers.llm.pace import Bucket
from ion_summary.summarizers.llm.retrying import Retrying
from tests.summarizers.simulated import (
    BucketLimit,
    Limit,
    Provider,
    SimulatedLoop,
    SlidingLimit,
    WindowLimit,
    request,
    simulate,
    work_off,
)

LIMITS: list[Callable[[float], Limit]] = [BucketLimit, WindowLimit, SlidingLimit]


def rate(provider: Provider, start: float, end: float) -> float:
    return sum(start <= at < end for at in provider.done) / (end - start)


def run(provider: Provider, limits: Limits, seconds: float, workers: int = 64) -> list[Any]:
    summarizer = Retrying(Limited(provider, limits), lambda: 0.5)
    results, _ = simulate(work_off(summarizer.summarize, 10**9, workers, seconds))
    return results


@pytest.mark.parametrize("concurrency", [1, 3, 32])
def test_no_more_calls_than_allowed_are_under_way_and_no_fewer(concurrency: int) -> None:
    provider = Provider()
    run(provider, Limits(concurrency=concurrency), 20)
    assert provider.most_in_flight == concurrency
    assert rate(provider, 10, 20) == pytest.approx(concurrency / 0.3, rel=0.02)


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("rpm", [15, 1200])
def test_a_known_limit_is_used_to_95_percent_and_never_exceeded(kind: Callable[[float], Limit], rpm: int) -> None:
    provider = Provider(kind(rpm))
    run(provider, Limits(concurrency=64, rpm=rpm), 240)
    assert not provider.refused
    assert rate(provider, 0, 240) * 60 >= 0.93 * rpm
    assert rate(provider, 60, 240) * 60 >= 0.95 * rpm - 1


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("latency_s", [0.3, 2.0])
def test_an_unknown_limit_is_found(kind: Callable[[float], Limit], latency_s: float) -> None:
    provider = Provider(kind(1200), latency_s)
    run(provider, Limits(concurrency=64), 180)
    start = 30 if kind is BucketLimit else 60  # a minute's quota that is spent in half of it is spent
    assert rate(provider, start, 180) >= 0.9 * 20
    assert len(provider.refused) < 0.02 * len(provider.sent)


@pytest.mark.parametrize("kind", LIMITS)
@pytest.mark.parametrize("rpm", [5, 15])
def test_a_small_unknown_limit_costs_few_refusals(kind: Callable[[float], Limit], rpm: int) -> None:
    provider = Provider(kind(rpm))
    results = run(provider, Limits(concurrency=32), 600)
    assert rate(provider, 60, 600) * 60 >= 0.85 * rpm
    assert len(provider.refused) <= 20
    assert not any(isinstance(result, ProviderError) for result in results)


@pytest.mark.parametrize("seed", range(20))
def test_an_unknown_limit_is_found_while_both_sides_stand_still_now_and_then(seed: int) -> None:
    provider, chance = Provider(BucketLimit(1200)), random.Random(seed)

    async def stand_still() -> None:
        loop = asyncio.get_running_loop()
        for at in sorted(chance.uniform(0, 120) for _ in range(20)):
            await asyncio.sleep(at - loop.time())
            if chance.random() < 0.5:
                assert isinstance(loop, SimulatedLoop)
                loop.now += chance.uniform(0.1, 0.8)
            else:
                provider.stands_still_until = loop.time() + chance.uniform(0.1, 0.8)

    async def work() -> None:
        standing = asyncio.ensure_future(stand_still())
        await work_off(Retrying(Limited(provider, Limits(64)), lambda: 0.5).summarize, 10**9, 64, 120)
        await standing

    simulate(work())
    assert rate(provider, 30, 120) >= 0.9 * 20
    # Whose provider stands still while the rate is doubled has all that are under way refused at once.
    assert len(provider.refused) < 0.04 * len(provider.sent)


def test_a_limit_that_was_taken_for_too_low_is_found_again_within_half_a_minute() -> None:
    provider = Provider(BucketLimit(1200))

    async def work() -> None:
        loop = asyncio.get_running_loop()
        for at in (60.0, 61.5, 63.0, 64.5):
            loop.call_at(at, lambda: setattr(provider, "stands_still_until", loop.time() + 1.4))
        await work_off(Retrying(Limited(provider, Limits(64)), lambda: 0.5).summarize, 10**9, 64, 120)

    simulate(work())
    assert rate(provider, 66, 90) >= 0.6 * 20
    assert rate(provider, 95, 120) >= 0.95 * 20


def test_what_a_provider_has_saved_up_is_not_taken_for_its_limit() -> None:
    provider = Provider(BucketLimit(1200, burst_s=5))
    run(provider, Limits(concurrency=64), 60)
    assert rate(provider, 10, 60) >= 0.95 * 20
    assert len(provider.refused) < 0.03 * len(provider.sent)


def test_one_refusal_at_a_known_limit_costs_little() -> None:
    refusal = RateLimitedError(reason="429", retry_after_s=0.2)
    provider = Provider(BucketLimit(1200), failures=[*[None] * 100, refusal])
    run(provider, Limits(concurrency=64, rpm=1200), 60)
    assert rate(provider, 10, 60) >= 0.9 * 20


def test_a_limit_that_is_wrong_does_no_harm() -> None:
    provider = Provider(BucketLimit(600))
    run(provider, Limits(concurrency=64, rpm=6000), 120)
    assert rate(provider, 30, 120) >= 0.9 * 10
    late = [at for at in provider.refused if at > 1]  # the first second's worth goes out at once, as it was allowed
    assert len(late) < 0.03 * len(provider.sent)


def test_a_limit_that_rises_is_noticed() -> None:
    limit = BucketLimit(600)
    provider = Provider(limit)

    async def work() -> None:
        asyncio.get_running_loop().call_later(60, setattr, limit, "rate", 40)
        await work_off(Retrying(Limited(provider, Limits(64)), lambda: 0.5).summarize, 10**9, 64, 400)

    simulate(work())
    assert rate(provider, 330, 400) > 25


def test_one_refusal_pauses_everybody() -> None:
    refusal = RateLimitedError(reason="429", retry_after_s=7.0)
    provider = Provider(failures=[*[None] * 40, refusal])
    run(provider, Limits(concurrency=8), 30, workers=8)
    pause = max(after - before for before, after in zip(provider.sent, provider.sent[1:], strict=False))
    # Those under way when it came were sent up to 0.3 s before it came.
    assert 7.0 <= pause <= 7.4


def test_refusals_without_a_hint_pause_longer_and_longer() -> None:
    provider = Provider(failures=[RateLimitedError(reason="429") for _ in range(5)], latency_s=0.0)
    (summary,), took = simulate(work_off(Retrying(Limited(provider, Limits(1)), lambda: 0.5).summarize, 1, 1))
    assert summary.calls == 6
    assert 1 + 2 + 4 + 8 + 16 <= took < 40


def test_a_failure_that_is_no_refusal_pauses_nobody() -> None:
    provider = Provider(failures=[ProviderUnavailableError(reason="503", retry_after_s=50.0, terminal=True)] * 3)
    results, took = simulate(work_off(Limited(provider, Limits(1)).summarize, 10, 1))
    assert took < 5 and sum(isinstance(result, ProviderError) for result in results) == 3


def test_a_sleeping_retry_holds_no_place() -> None:
    failures = [ProviderUnavailableError(reason="503", retry_after_s=50.0), None, None, None]
    provider = Provider(failures=failures)
    results, took = simulate(work_off(Retrying(Limited(provider, Limits(1)), lambda: 0.5).summarize, 4, 4))
    assert len(results) == 4
    assert provider.done[2] < 2 and took > 50


def test_input_tokens_of_a_minute_are_kept_and_used() -> None:
    provider = Provider(usage=Usage(1000, 50))
    run(provider, Limits(concurrency=64, rpm=6000, tpm=120_000), 180)
    assert 0.95 * 120 <= rate(provider, 60, 180) * 60 <= 120
    sliding = [sum(at <= other < at + 60 for other in provider.sent) for at in provider.sent]
    assert max(sliding) * 1000 <= 120_000


def test_wrong_token_estimates_are_settled() -> None:
    class Liar(Provider):
        def estimate(self, request: Any) -> Usage:
            return Usage(100, 10)

    provider = Liar(usage=Usage(1000, 50))
    run(provider, Limits(concurrency=4, rpm=6000, tpm=120_000), 240, workers=4)
    assert rate(provider, 60, 240) * 60 <= 125


def test_a_session_larger_than_the_minute_goes_through() -> None:
    provider = Provider(usage=Usage(50_000, 50))
    results, _ = simulate(work_off(Limited(provider, Limits(4, tpm=10_000)).summarize, 2, 4))
    assert len(results) == 2


def test_a_cancelled_call_gives_its_place_back() -> None:
    provider = Provider(latency_s=10)
    limited = Limited(provider, Limits(1))

    async def work() -> None:
        first = asyncio.ensure_future(limited.summarize(request()))
        second = asyncio.ensure_future(limited.summarize(request()))
        await asyncio.sleep(1)
        first.cancel()
        await second

    _, took = simulate(work())
    assert took < 12


@pytest.mark.parametrize("given", [{"concurrency": 0}, {"rpm": 0}, {"tpm": -1}, {"rpm": float("inf")}])
def test_impossible_limits_are_usage_errors(given: dict[str, Any]) -> None:
    with pytest.raises(UsageError):
        Limits(**given)


@given(
    rate=st.floats(0.1, 100),
    room=st.floats(1, 50),
    asked=st.lists(st.tuples(st.floats(0, 5), st.floats(0.1, 80)), max_size=40),
)
def test_a_bucket_never_gives_more_than_its_room_and_what_came_in(
    rate: float, room: float, asked: list[tuple[float, float]]
) -> None:
    now, taken, largest = 0.0, 0.0, 0.0
    bucket = Bucket(rate, room, now)
    for passed, tokens in asked:
        now += passed
        now += bucket.wait(tokens, now) + 1e-9
        bucket.take(tokens, now)
        taken, largest = taken + tokens, max(largest, tokens)
        assert taken <= room + rate * now + largest + 1e-6
