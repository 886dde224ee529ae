"""A model that lives in the test's own process or in files that outlive it; every call it is paid for is counted."""

from __future__ import annotations

import asyncio
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from ion_summary.errors import ProviderError
from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummary

PRICE = 0.001


class CountingModel:
    """Answers with the first message of each session. ``payments`` is a file with a line for each call that is paid.

    ``trouble`` may return an error for a request, which is then raised instead (and nothing is paid).
    """

    def __init__(
        self,
        payments: Path,
        *,
        latency_s: float = 0.0,
        trouble: Callable[[LlmRequest], ProviderError | None] = lambda _: None,
        version: str = "1",
    ) -> None:
        self.fingerprint = f"counting/{version}"
        self.most_at_once = 0
        self._payments = payments
        self._latency_s = latency_s
        self._trouble = trouble
        self._at_once = 0

    def estimate(self, request: LlmRequest) -> Usage:
        return Usage(sum(len(message.content) for message in request.messages), 50)

    def ceiling(self, request: LlmRequest) -> Usage:
        return self.estimate(request)

    async def summarize(self, request: LlmRequest) -> LlmSummary:
        self._at_once += 1
        self.most_at_once = max(self.most_at_once, self._at_once)
        try:
            # Paid when it arrives, like everywhere: whoever does not wait for the answer has paid all the same.
            if error := self._trouble(request):
                raise error
            line = f"{request.messages[0].content}|{len(request.messages)}\n".encode()
            descriptor = os.open(self._payments, os.O_WRONLY | os.O_APPEND | os.O_CREAT, 0o600)
            os.write(descriptor, line)
            os.close(descriptor)
            await asyncio.sleep(self._latency_s)
        finally:
            self._at_once -= 1
        said = request.messages[0].content
        return LlmSummary(f"- {said}", ("주제",), ((1,),), (), Usage(100, 50, 10), "model-1", PRICE, 1, "ko")

    async def close(self) -> None:
        pass


def cost(usage: Usage, model: str) -> float:
    return PRICE if usage else 0.0


def payments(path: Path) -> Counter[str]:
    """How often each session was paid."""
    return Counter(path.read_text().splitlines()) if path.exists() else Counter()
