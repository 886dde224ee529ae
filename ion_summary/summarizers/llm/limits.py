"""How are the provider's limits kept by all calls of a process together?

``Limited`` wraps a summarizer: so many calls at once, so many a minute, so many tokens a minute, and one pause for all
when the provider asks for one. It never tries again; ``retrying`` does, outside, so that who waits holds no place.
"""

from __future__ import annotations

from dataclasses import dataclass

from ion_summary.errors import ProviderError, RateLimitedError, UsageError
from ion_summary.summarizers.llm import LlmRequest, LlmSummarizer, LlmSummary
from ion_summary.summarizers.llm.pace import CallPace, TokenPace
from ion_summary.summarizers.llm.wrapper import Wrapper

_PAUSES_S = (1.0, 2.0, 4.0, 8.0, 16.0, 32.0, 60.0)  # where the provider refuses and does not say for how long


@dataclass(frozen=True, slots=True)
class Limits:
    """What a user allows: calls at once, calls a minute, input tokens a minute. None: the provider's are found."""

    concurrency: int = 8
    rpm: float | None = None
    tpm: float | None = None

    def __post_init__(self) -> None:
        for name, value in (("concurrency", self.concurrency), ("rpm", self.rpm), ("tpm", self.tpm)):
            if value is not None and not 0 < value < float("inf"):
                raise UsageError(reason=f"--{name}: {value!r} is no limit", accepted="a number above 0")


class Limited(Wrapper):
    """A summarizer whose calls together stay within ``limits``."""

    def __init__(self, inner: LlmSummarizer, limits: Limits) -> None:
        super().__init__(inner)
        self._limits = limits
        self._gate: _Gate | None = None  # made with the first call: it belongs to the event loop

    @property
    def rate(self) -> float | None:
        """Calls a second that are sent at most at present; None before the first."""
        return None if self._gate is None else self._gate.calls.rate

    async def summarize(self, request: LlmRequest) -> LlmSummary:
        """As the wrapped summarizer, when it is this call's turn."""
        gate = self._gate = self._gate or _Gate(self._limits)
        tokens = self._inner.estimate(request).input
        async with gate.places:
            await gate.turn(tokens)
            try:
                summary = await self._inner.summarize(request)
            except ProviderError as error:
                gate.failed(error, tokens)
                raise
            gate.succeeded(summary.usage.input - tokens)
            return summary


class _Gate:
    """What all calls pass, one after the other."""

    def __init__(self, limits: Limits) -> None:
        import asyncio

        self._loop = asyncio.get_running_loop()
        self.places = asyncio.Semaphore(limits.concurrency)
        self._head = asyncio.Lock()  # whoever is first in the queue waits for the time, the others for the first
        now = self._loop.time()
        self.calls, self._tokens = CallPace(limits.rpm, now), TokenPace(limits.tpm, now)
        self._paused_until = now
        self._refusals = 0  # in a row, of those that did not say how long

    async def turn(self, tokens: int) -> None:
        """Waits until a call of so many input tokens may go, and counts it."""
        async with self._head:
            while (wait := self._wait(tokens)) > 0:
                await _sleep(wait)
            now = self._loop.time()
            self.calls.take(now)
            self._tokens.take(tokens, now)

    def _wait(self, tokens: int) -> float:
        now = self._loop.time()
        return max(self._paused_until - now, self.calls.wait(now), self._tokens.wait(tokens, now))

    def succeeded(self, more_tokens: int) -> None:
        """A call has come back, with so many more input tokens than estimated."""
        now = self._loop.time()
        self._refusals = 0
        self._tokens.take(more_tokens, now)

    def failed(self, error: ProviderError, tokens: int) -> None:
        """A call has failed."""
        now = self._loop.time()
        if not isinstance(error, RateLimitedError):
            return
        self._tokens.take(-tokens, now)  # what is refused is not counted
        pause = error.retry_after_s
        if pause is None:
            pause = _PAUSES_S[min(self._refusals, len(_PAUSES_S) - 1)]
            self._refusals += now >= self._paused_until
        if not error.terminal:
            # Only what the provider says about its waiting time says something about its limit.
            self.calls.refused(now, error.retry_after_s or 0.0)
            self._paused_until = max(self._paused_until, now + pause)


async def _sleep(seconds: float) -> None:
    import asyncio

    await asyncio.sleep(seconds)
