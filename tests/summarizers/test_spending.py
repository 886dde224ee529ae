"""Is a budget ever exceeded, and is what is left of it used? On simulated time."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary.errors import OverBudgetError, ProviderError, ProviderRefusedError, ProviderUnavailableError
from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummary
from ion_summary.summarizers.llm.spending import Budget, Cap, Spending
from tests.summarizers.simulated import Provider, request, simulate, work_off


def price(usage: Usage) -> float:
    return usage.output / 10_000  # 100 tokens: one cent; a ceiling of twice that: two cents


def run(provider: Provider, budget: Budget, count: int, workers: int) -> list[Any]:
    results, _ = simulate(work_off(Spending(provider, budget, price).summarize, count, workers))
    return results


@given(limit=st.floats(0.005, 0.5), workers=st.integers(1, 40))
def test_what_is_under_way_never_exceeds_the_limit(limit: float, workers: int) -> None:
    provider = Provider()
    budget = Budget(limit)
    results = run(provider, budget, 60, workers)
    paid = 0.01 * len(provider.done)
    assert paid <= limit + 1e-9
    assert budget.spent_usd == pytest.approx(paid)
    # Whatever would still fit, with the most that it could cost, was made.
    assert len(provider.done) == 60 or paid + 0.02 > limit - 1e-9
    assert sum(isinstance(result, OverBudgetError) for result in results) == 60 - len(provider.done)


def test_what_other_runs_have_spent_counts() -> None:
    provider = Provider()
    results = run(provider, Budget(None, day=Cap(1.0, 0.96), month=Cap(20.0, 3.0)), 10, 4)
    assert len(provider.done) == 3
    error = next(result for result in results if isinstance(result, OverBudgetError))
    assert error.terminal and error.whole_run and error.exit_code == 21 and not error.calls
    assert "$1.0000 for today" in error.reason


def test_a_new_day_brings_new_money() -> None:
    provider, budget = Provider(), Budget(None, day=Cap(0.03))
    assert len([r for r in run(provider, budget, 5, 1) if isinstance(r, LlmSummary)]) == 2
    budget.renew(Cap(0.03), None)
    assert len([r for r in run(provider, budget, 5, 1) if isinstance(r, LlmSummary)]) == 2


def test_one_session_that_is_too_dear_does_not_end_the_run() -> None:
    class Mixed(Provider):
        def ceiling(self, request: LlmRequest) -> Usage:
            return Usage(0, 10**6) if request.key == "long" else super().ceiling(request)

    provider = Mixed()
    spending = Spending(provider, Budget(1.0), price)

    async def work() -> None:
        with pytest.raises(OverBudgetError) as caught:
            await spending.summarize(request(key="long"))
        assert caught.value.terminal and not caught.value.whole_run
        await spending.summarize(request(key="short"))

    simulate(work())


@pytest.mark.parametrize(
    ("error", "counted"),
    [
        (ProviderUnavailableError(reason="503"), 0.0),
        (ProviderRefusedError(reason="MAX_TOKENS", terminal=True, usage=Usage(9, 9), cost_usd=0.007), 0.007),
        (ProviderUnavailableError(reason="no answer in time", perhaps_billed=True), 0.01),
    ],
)
def test_failures_count_with_what_they_cost_or_may_have_cost(error: ProviderError, counted: float) -> None:
    budget = Budget(1.0)
    run(Provider(failures=[error]), budget, 1, 1)
    assert budget.spent_usd == pytest.approx(counted)


def test_a_call_that_is_cancelled_counts_as_made() -> None:
    import asyncio

    budget = Budget(1.0)

    async def work() -> None:
        call = asyncio.ensure_future(Spending(Provider(latency_s=10), budget, price).summarize(request()))
        await asyncio.sleep(1)
        call.cancel()
        with pytest.raises(asyncio.CancelledError):
            await call

    simulate(work())
    assert budget.spent_usd == pytest.approx(0.02)
