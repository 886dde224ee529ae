"""What is asked of a summarizer with a model behind it, and what does it answer?

The values and the protocol that ``gemini``, its wrappers (``limits``, ``condense``) and the queue agree on.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal, Protocol

from ion_summary.errors import ProviderError
from ion_summary.model import Message, Usage
from ion_summary.summarizers.llm.tokens import raw_tokens
from ion_summary.text.language import language

__all__ = [
    "KEY_VARIABLES",
    "BatchSummarizer",
    "Flag",
    "LlmRequest",
    "LlmSummarizer",
    "LlmSummary",
    "Usage",
    "content_hash",
]

#: The environment variables that a key is read from; the first one that is set counts.
KEY_VARIABLES = ("GOOGLE_API_KEY", "GEMINI_API_KEY")

FlagKind = Literal["number", "date", "name", "code"]


@dataclass(frozen=True)
class LlmRequest:
    """One session to be summarized.

    Args:
        messages: in order; bullets cite them by their place, from 1.
        max_bullets: lines of the summary, at most.
        max_chars: characters of the summary, newlines included, at most.
        temperature: how freely the model chooses its words, 0 to 2 (some models ignore it).
        priority: higher ones are worked off first; for queues.
        key: the job's id: names the request in batch mode and in logs.
    """

    messages: Sequence[Message]
    max_bullets: int = 8
    max_chars: int = 800
    temperature: float = 0.3
    priority: int = 0
    key: str = ""

    @cached_property
    def language(self) -> str:
        """In which language most of the session is said: ``"ko"`` or ``"en"``."""
        return language(self._said)

    @cached_property
    def raw_tokens(self) -> float:
        """The tokens of what is said, at a first guess."""
        return raw_tokens(self._said)

    @property
    def _said(self) -> str:
        return "\n".join(message.content for message in self.messages)


@dataclass(frozen=True, slots=True)
class Flag:
    """Something that bullet number ``bullet`` (from 1) says and none of the messages it cites does."""

    bullet: int
    kind: FlagKind
    text: str


@dataclass(frozen=True, slots=True)
class LlmSummary:
    """A summary as a model has written it, checked and cleaned.

    Attributes:
        text: the bullets, one line ``- …`` each.
        tags: short topics.
        evidence: per bullet, the numbers of the messages that it rests on, from 1.
        flags: numbers, dates, names and codes of a bullet that occur nowhere in the messages it cites.
        usage: tokens of all calls together.
        model: what the provider calls the model that answered.
        cost_usd: what the calls cost by the price table, in US dollars.
        calls: how many requests it took.
        language: ``"ko"`` or ``"en"``.
    """

    text: str
    tags: tuple[str, ...]
    evidence: tuple[tuple[int, ...], ...]
    flags: tuple[Flag, ...]
    usage: Usage
    model: str
    cost_usd: float
    calls: int
    language: str


class LlmSummarizer(Protocol):
    """Summarizes sessions with a model. Failures are subclasses of ``ion_summary.errors.ProviderError``."""

    @property
    def fingerprint(self) -> str:
        """A short text that changes whenever the same request could get another answer: prompt, model, schema."""
        ...

    def estimate(self, request: LlmRequest) -> Usage:
        """The tokens that ``request`` will probably cost, without asking anybody."""
        ...

    def ceiling(self, request: LlmRequest) -> Usage:
        """The most tokens that one call for ``request`` can reasonably cost: what a budget has to hold ready."""
        ...

    async def summarize(self, request: LlmRequest) -> LlmSummary:
        """The summary of one session. Raises a ProviderError."""
        ...

    async def close(self) -> None:
        """Ends connections; the summarizer cannot be used afterwards."""
        ...


class BatchSummarizer(Protocol):
    """Summarizes many sessions in one job of the provider, which takes hours and costs half.

    A job's name and the keys of its requests are all that has to be kept to collect its results in another process.
    """

    @property
    def fingerprint(self) -> str:
        """As that of the summarizer that answers at once: the same results can be used again."""
        ...

    def estimate(self, request: LlmRequest) -> Usage:
        """The tokens that ``request`` will probably cost."""
        ...

    def split(self, requests: Sequence[LlmRequest]) -> list[list[LlmRequest]]:
        """The requests in groups that fit into one job each."""
        ...

    async def submit_or_attach(self, requests: Sequence[LlmRequest]) -> str:
        """The name of the job for exactly these requests, which have different keys: the one there is, or a new one.

        Raises a ProviderError.
        """
        ...

    def results(
        self, job: str, request_of: Callable[[str], LlmRequest | None]
    ) -> AsyncIterator[tuple[str, LlmSummary | ProviderError]]:
        """Waits for ``job`` and yields key and result of each of its requests, in any order.

        ``request_of`` gives the request of a key (None: it is no longer wanted). Raises a ProviderError if the job as
        a whole has failed; what is missing then, or after the last result, has not been paid for.
        """
        ...

    async def discard(self, job: str) -> None:
        """Deletes the job at the provider, once its results count: only then the same requests make a new job."""
        ...

    async def close(self) -> None:
        """Ends connections."""
        ...


def content_hash(fingerprint: str, request: LlmRequest) -> str:
    """A key under which the answer to ``request`` can be used again (64 hexadecimal digits).

    Equal sessions have equal keys whatever their id; times, priority and key of the request play no part.
    """
    from hashlib import sha256

    hashed = sha256()
    limits = (str(request.max_bullets), str(request.max_chars), repr(float(request.temperature)))
    said = (part for message in request.messages for part in (message.role, message.name or "", message.content))
    for part in (fingerprint, *limits, *said):
        raw = part.encode("utf-8", "surrogatepass")
        hashed.update(len(raw).to_bytes(8, "big") + raw)
    return hashed.hexdigest()
