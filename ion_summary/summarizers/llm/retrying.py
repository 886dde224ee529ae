"""Which failures are worth another try, when, and how often?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from ion_summary.errors import ProviderError, RateLimitedError, UnusableAnswerError
from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummarizer, LlmSummary
from ion_summary.summarizers.llm.gemini_errors import LONGEST_WAIT_S
from ion_summary.summarizers.llm.wrapper import Wrapper

#: Calls for one session: after failures to deliver; after answers that were billed and of no use; when refused for
#: the rate, which costs nothing and is waited for.
MOST_CALLS, MOST_UNUSABLE, MOST_REFUSED = 5, 2, 20
_FIRST_DELAY_S, _LONGEST_DELAY_S = 1.0, 60.0


class Retrying(Wrapper):
    """A summarizer that tries again where that can help.

    Args:
        inner: the summarizer, which waits by itself where the provider asks for a pause (``Limited``).
        chance: a random number from 0 to 1, so that many do not come back at the same moment.
    """

    def __init__(self, inner: LlmSummarizer, chance: Callable[[], float]) -> None:
        super().__init__(inner)
        self._chance = chance

    async def summarize(self, request: LlmRequest) -> LlmSummary:
        """As the wrapped summarizer; usage, cost and calls are those of all tries together, also of a failure."""
        import asyncio

        tries = _Tries()
        while True:
            try:
                summary = await self._inner.summarize(request)
            except ProviderError as error:
                tries.count(error)
                if tries.are_enough(error):
                    tries.charge(error)
                    raise
                delay = self._delay(error, tries.failures)
            else:
                return tries.charged(summary)
            await asyncio.sleep(delay)

    def _delay(self, error: ProviderError, failures: int) -> float:
        """Seconds until the next try: exponential backoff with jitter, and not before the provider asks for it."""
        if isinstance(error, RateLimitedError):
            return 0.0  # Limited has all wait together
        backoff = min(_LONGEST_DELAY_S, _FIRST_DELAY_S * 2.0 ** (failures - 1))
        jittered: float = backoff * (0.5 + self._chance() / 2)
        return max(error.retry_after_s or 0.0, jittered)


class _Tries:
    """What the tries for one session have come to."""

    def __init__(self) -> None:
        self.failures = self.unusable = self.refused = self.calls = 0
        self.usage = Usage()
        self.cost_usd = 0.0
        self.perhaps_billed = False

    def count(self, error: ProviderError) -> None:
        if isinstance(error, RateLimitedError):
            self.refused += 1
        else:
            self.failures += 1
            self.unusable += isinstance(error, UnusableAnswerError)
        self.calls += error.calls
        self.usage += error.usage
        self.cost_usd += error.cost_usd
        self.perhaps_billed |= error.perhaps_billed

    def are_enough(self, error: ProviderError) -> bool:
        too_many = self.failures >= MOST_CALLS or self.unusable >= MOST_UNUSABLE or self.refused >= MOST_REFUSED
        too_long = (error.retry_after_s or 0.0) > LONGEST_WAIT_S
        return error.terminal or error.whole_run or too_many or too_long

    def charge(self, error: ProviderError) -> None:
        error.usage, error.cost_usd, error.calls = self.usage, self.cost_usd, self.calls
        error.perhaps_billed = self.perhaps_billed

    def charged(self, summary: LlmSummary) -> LlmSummary:
        if not self.calls:
            return summary
        return replace(
            summary,
            usage=summary.usage + self.usage,
            cost_usd=summary.cost_usd + self.cost_usd,
            calls=summary.calls + self.calls,
        )
