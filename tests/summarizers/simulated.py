"""A provider on simulated time: minutes of waiting pass in milliseconds, and the same way every time."""

from __future__ import annotations

import asyncio
import selectors
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from typing import Any, Protocol, TypeVar

from ion_summary.errors import ProviderError, RateLimitedError
from ion_summary.model import Message, Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummary

_T = TypeVar("_T")


class _Selector(selectors.DefaultSelector):
    """Instead of waiting, puts the loop's clock forward."""

    loop: SimulatedLoop

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if not ready:
            assert timeout is not None, "everybody waits and nothing will happen"
            self.loop.now += timeout
        return ready


class SimulatedLoop(asyncio.SelectorEventLoop):
    """An event loop whose clock goes only when everybody waits."""

    def __init__(self) -> None:
        selector = _Selector()
        selector.loop = self
        self.now = 0.0
        super().__init__(selector)

    def time(self) -> float:
        return self.now


def simulate(work: Coroutine[Any, Any, _T]) -> tuple[_T, float]:
    """The result of ``work``, and the simulated seconds that it took."""
    loop = SimulatedLoop()
    try:
        return loop.run_until_complete(work), loop.now
    finally:
        loop.close()


class Limit(Protocol):
    def take(self, now: float) -> float | None: ...


class BucketLimit:
    """An even rate, and so many seconds of it saved up at most."""

    def __init__(self, rpm: float, burst_s: float = 1.0) -> None:
        self.rate = rpm / 60
        self._level = self._room = max(1.0, self.rate * burst_s)
        self._at = 0.0

    def take(self, now: float) -> float | None:
        self._level = min(self._room, self._level + (now - self._at) * self.rate)
        self._at = now
        if self._level >= 1:
            self._level -= 1
            return None
        return (1 - self._level) / self.rate


class WindowLimit:
    """So many in each minute."""

    def __init__(self, rpm: float) -> None:
        self._most, self._began, self._count = rpm, -60.0, 0.0

    def take(self, now: float) -> float | None:
        if now - self._began >= 60:
            self._began, self._count = now, 0
        if self._count < self._most:
            self._count += 1
            return None
        return self._began + 60 - now


class SlidingLimit:
    """So many in any sixty seconds, the strictest way to count."""

    def __init__(self, rpm: float) -> None:
        self._most, self._times = rpm, deque[float]()

    def take(self, now: float) -> float | None:
        while self._times and self._times[0] <= now - 60:
            self._times.popleft()
        if len(self._times) < self._most:
            self._times.append(now)
            return None
        return self._times[0] + 60 - now


class Provider:
    """A summarizer that takes its time, has its limits, and fails as told.

    Args:
        limit: what refuses calls.
        latency_s: simulated seconds of a call.
        failures: what the first calls raise (None: nothing).
        hint: whether a refusal says how long to wait.
    """

    def __init__(
        self,
        limit: Limit | None = None,
        latency_s: float = 0.3,
        failures: Iterable[ProviderError | None] = (),
        hint: bool = True,
        usage: Usage | None = None,
        cost_usd: float = 0.01,
    ) -> None:
        self.limit, self.latency_s, self.hint = limit, latency_s, hint
        self.usage, self.cost_usd = usage or Usage(1000, 100), cost_usd
        self.failures = iter(failures)
        self.sent: list[float] = []
        self.done: list[float] = []
        self.refused: list[float] = []
        self.in_flight = self.most_in_flight = 0
        self.stands_still_until = 0.0
        self.closed = False
        self.fingerprint = "provider"

    def estimate(self, request: LlmRequest) -> Usage:
        return self.usage

    def ceiling(self, request: LlmRequest) -> Usage:
        return self.usage + self.usage

    async def summarize(self, request: LlmRequest) -> LlmSummary:
        loop = asyncio.get_running_loop()
        self.sent.append(loop.time())
        self.in_flight += 1
        self.most_in_flight = max(self.most_in_flight, self.in_flight)
        try:
            while loop.time() < self.stands_still_until:
                await asyncio.sleep(self.stands_still_until - loop.time())
            if self.limit is not None and (wait := self.limit.take(loop.time())) is not None:
                await asyncio.sleep(0.01)
                self.refused.append(loop.time())
                raise RateLimitedError(reason="429", retry_after_s=wait if self.hint else None)
            await asyncio.sleep(self.latency_s)
            failure = next(self.failures, None)
            if failure is not None:
                raise failure
            self.done.append(loop.time())
            return LlmSummary("- text", (), ((1,),), (), self.usage, "m", self.cost_usd, 1, "en")
        finally:
            self.in_flight -= 1

    async def close(self) -> None:
        self.closed = True


def request(*texts: str, **given: Any) -> LlmRequest:
    """A request for the session in which user and assistant say ``texts`` in turn."""
    said = texts or ("Hello?",)
    return LlmRequest([Message(("user", "assistant")[n % 2], text) for n, text in enumerate(said)], **given)


async def work_off(summarize: Callable[[LlmRequest], Any], count: int, workers: int, until_s: float = 1e9) -> list[Any]:
    """Results or errors of ``count`` requests by so many workers, until the simulated time is up."""
    loop = asyncio.get_running_loop()
    results: list[Any] = []
    numbers = iter(range(count))

    async def worker() -> None:
        for _ in numbers:
            if loop.time() >= until_s:
                return
            try:
                results.append(await summarize(request()))
            except ProviderError as error:
                results.append(error)

    await asyncio.gather(*(worker() for _ in range(workers)))
    return results
