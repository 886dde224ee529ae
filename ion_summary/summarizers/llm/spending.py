"""How does a run never cost more than was allowed, with many calls under way at once?

Before a call, the most that it can cost is set aside; afterwards what it did cost is counted. A call that would fit if
the ones under way stay below what was set aside for them waits for them; one that would not fit even then is refused.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ion_summary.errors import OverBudgetError, ProviderError
from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummarizer, LlmSummary
from ion_summary.summarizers.llm.wrapper import Wrapper

if TYPE_CHECKING:
    import asyncio


@dataclass(slots=True)
class Cap:
    """An amount that must not be exceeded, and what of it is spent, in US dollars."""

    limit_usd: float
    spent_usd: float = 0.0


class Budget:
    """What may still be spent.

    Args:
        run: US dollars for this run, None for no limit.
        day: the limit of the day with what other runs have spent of it today.
        month: the same for the month.
    """

    def __init__(self, run: float | None = None, day: Cap | None = None, month: Cap | None = None) -> None:
        self._caps = {"this run": None if run is None else Cap(run), "today": day, "this month": month}
        self.spent_usd = 0.0
        self._set_aside = 0.0
        self._changed: asyncio.Event | None = None

    def renew(self, day: Cap | None, month: Cap | None) -> None:
        """Takes new limits of the day and the month, with all that is spent of them, this run's part included."""
        self._caps |= {"today": day, "this month": month}
        self._wake()

    async def reserve(self, usd: float) -> None:
        """Sets ``usd`` aside. Raises OverBudgetError if there is not so much left, whatever comes back."""
        import asyncio

        while True:
            self._refuse(usd)
            if all(cap.spent_usd + self._set_aside + usd <= cap.limit_usd for _, cap in self._limited()):
                self._set_aside += usd
                return
            self._changed = self._changed or asyncio.Event()
            await self._changed.wait()

    def settle(self, reserved: float, usd: float) -> None:
        """Counts ``usd`` for a call that ``reserved`` was set aside for."""
        self._set_aside -= reserved
        self.spent_usd += usd
        for _, cap in self._limited():
            cap.spent_usd += usd
        self._wake()

    def _limited(self) -> list[tuple[str, Cap]]:
        return [(name, cap) for name, cap in self._caps.items() if cap is not None]

    def _refuse(self, usd: float) -> None:
        for name, cap in self._limited():
            if cap.spent_usd + usd > cap.limit_usd:
                spent = f"${cap.spent_usd:.4f} of ${cap.limit_usd:.4f} for {name}"
                reason = f"{spent}, and the next call could cost ${usd:.4f}"
                # What does not even fit into an untouched budget says nothing about smaller sessions.
                raise OverBudgetError(reason=reason, terminal=True, whole_run=usd <= cap.limit_usd, calls=0)

    def _wake(self) -> None:
        changed, self._changed = self._changed, None
        if changed is not None:
            changed.set()


class Spending(Wrapper):
    """A summarizer that stays within a budget.

    Args:
        inner: the summarizer.
        budget: what may be spent; several summarizers can share it.
        price: US dollars for tokens of the model that is asked.
    """

    def __init__(self, inner: LlmSummarizer, budget: Budget, price: Callable[[Usage], float]) -> None:
        super().__init__(inner)
        self._budget = budget
        self._price = price

    async def summarize(self, request: LlmRequest) -> LlmSummary:
        """As the wrapped summarizer. Raises OverBudgetError, without a call, if that could cost too much."""
        aside = self._price(self._inner.ceiling(request))
        await self._budget.reserve(aside)
        # A call that is cancelled on its way may have been billed in full.
        cost = aside
        try:
            summary = await self._inner.summarize(request)
            cost = summary.cost_usd
        except ProviderError as error:
            # What nobody knows to be free is counted as if it had been paid for, but not reported as a cost.
            cost = self._price(self._inner.estimate(request)) if error.perhaps_billed else error.cost_usd
            raise
        finally:
            self._budget.settle(aside, cost)
        return summary
