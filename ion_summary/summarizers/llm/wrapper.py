"""What does every wrapper of a summarizer pass on unchanged?"""

from __future__ import annotations

from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummarizer


class Wrapper:
    """A summarizer around another one; who derives from it says what is different about ``summarize``."""

    def __init__(self, inner: LlmSummarizer) -> None:
        self._inner = inner

    @property
    def fingerprint(self) -> str:
        """As that of the wrapped summarizer."""
        return self._inner.fingerprint

    def estimate(self, request: LlmRequest) -> Usage:
        """As the wrapped summarizer."""
        return self._inner.estimate(request)

    def ceiling(self, request: LlmRequest) -> Usage:
        """As the wrapped summarizer."""
        return self._inner.ceiling(request)

    async def close(self) -> None:
        """Closes the wrapped summarizer."""
        await self._inner.close()
