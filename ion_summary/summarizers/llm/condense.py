"""How is a session summarized that is longer than a model reads well at once?

In parts of whole messages, each summarized by itself with the messages' own numbers kept; then the parts' bullets are
summarized like a session, and what a bullet of the result rests on is what the bullets it cites rest on. Nothing is
left out: a single message that is too long is itself read in parts.
"""

from __future__ import annotations

from collections.abc import Awaitable, Iterator, Sequence
from dataclasses import dataclass, replace

from ion_summary.errors import ProviderError
from ion_summary.model import Message, Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummarizer, LlmSummary
from ion_summary.summarizers.llm.tokens import raw_tokens
from ion_summary.summarizers.llm.unsupported import flags_of
from ion_summary.summarizers.llm.wrapper import Wrapper
from ion_summary.text.graphemes import whole

#: Input tokens of one call. Models take a million, but find less and less of what stands in the middle.
PART_TOKENS = 32_000
_PART_BULLETS, _PART_CHARS = 12, 1_600
_PER_MESSAGE = 8  # tokens of its number and its speaker, at most
_NOTES = "notes"
# Parts of parts of parts: more than anybody ever wrote. Notes that are no shorter than the parts end it at once.
_DEEPEST = 6


@dataclass(frozen=True, slots=True)
class _Numbered:
    """A message, or a piece of a long one, with the numbers of the session's messages that it stands for."""

    message: Message
    numbers: tuple[int, ...]


class Condensing(Wrapper):
    """A summarizer for sessions of any length.

    Args:
        inner: the summarizer that is asked for parts and for the whole.
        part_tokens: input tokens of a part, at most.
    """

    def __init__(self, inner: LlmSummarizer, part_tokens: int = PART_TOKENS) -> None:
        super().__init__(inner)
        self._part_tokens = part_tokens

    def fits(self, request: LlmRequest) -> bool:
        """Whether one call is enough."""
        return request.raw_tokens + _PER_MESSAGE * len(request.messages) <= self._part_tokens

    def estimate(self, request: LlmRequest) -> Usage:
        """What all calls for ``request`` will probably take."""
        if self.fits(request):
            return self._inner.estimate(request)
        parts = [self._part(part, request) for part in self._parts(_numbered(request.messages))]
        usage = sum(map(self._inner.estimate, parts), Usage())
        notes = Message("user", "x" * _PART_CHARS, name=_NOTES)
        return usage + self._inner.estimate(replace(request, messages=[notes] * len(parts)))

    async def summarize(self, request: LlmRequest) -> LlmSummary:
        """The summary of a session of any length; usage, cost and calls are those of all calls together."""
        if self.fits(request):
            return await self._inner.summarize(request)
        spent = _Spent()
        pieces = _numbered(request.messages)
        for _ in range(_DEEPEST):
            size = _size(pieces)
            if size <= self._part_tokens:
                break
            pieces = await self._notes(pieces, request, spent)
            if _size(pieces) >= size:
                break
        final = replace(request, messages=[piece.message for piece in pieces])
        summary = await spent.counting(self._inner.summarize(final))
        evidence = tuple(_global(pieces, cites) for cites in summary.evidence)
        texts = [line.removeprefix("- ") for line in summary.text.split("\n")]
        flags = flags_of(texts, evidence, request.messages)
        return spent.charged(replace(summary, evidence=evidence, flags=flags))

    async def _notes(self, pieces: Sequence[_Numbered], request: LlmRequest, spent: _Spent) -> list[_Numbered]:
        """The bullets of each part, in order, as pieces of their own."""
        import asyncio

        parts = list(self._parts(pieces))
        calls = [spent.counting(self._inner.summarize(self._part(part, request))) for part in parts]
        # Not a task group: a failed part must not cancel calls that are paid for already.
        done = await asyncio.gather(*calls, return_exceptions=True)
        for result in done:
            if isinstance(result, BaseException):
                if isinstance(result, ProviderError):
                    spent.charge(result)
                raise result
        return [
            _Numbered(Message("user", line.removeprefix("- "), name=_NOTES), _global(part, cites))
            for part, summary in zip(parts, done, strict=True)
            if not isinstance(summary, BaseException)
            for line, cites in zip(summary.text.split("\n"), summary.evidence, strict=True)
        ]

    def _part(self, part: Sequence[_Numbered], request: LlmRequest) -> LlmRequest:
        messages = [piece.message for piece in part]
        return replace(request, messages=messages, max_bullets=_PART_BULLETS, max_chars=_PART_CHARS)

    def _parts(self, pieces: Sequence[_Numbered]) -> Iterator[list[_Numbered]]:
        """The pieces in order, in parts of about equal size that are as few as possible."""
        small = [some for piece in pieces for some in self._cut(piece)]
        total = sum(_tokens(piece.message) for piece in small)
        even = total / -(-total // self._part_tokens)
        part: list[_Numbered] = []
        filled = 0.0
        for piece in small:
            size = _tokens(piece.message)
            if part and (filled + size > self._part_tokens or filled >= even):
                yield part
                part, filled = [], 0.0
            part.append(piece)
            filled += size
        yield part

    def _cut(self, piece: _Numbered) -> Iterator[_Numbered]:
        """``piece``, or the pieces of one that would not fit into half a part, cut between words."""
        content, most = piece.message.content, self._part_tokens / 2
        tokens = _tokens(piece.message)
        if tokens <= most:
            yield piece
            return
        room = max(1, int(len(content) * most / tokens))
        start = 0
        while start < len(content):
            end = _end(content, start, room)
            yield _Numbered(replace(piece.message, content=content[start:end]), piece.numbers)
            start = end


class _Spent:
    """What the calls for one session have cost together."""

    def __init__(self) -> None:
        self._usage = Usage()
        self._cost_usd = 0.0
        self._calls = 0
        self._perhaps_billed = False

    async def counting(self, call: Awaitable[LlmSummary]) -> LlmSummary:
        try:
            summary = await call
        except ProviderError as error:
            self._add(error.usage, error.cost_usd, error.calls)
            self._perhaps_billed |= error.perhaps_billed
            self.charge(error)
            raise
        self._add(summary.usage, summary.cost_usd, summary.calls)
        return summary

    def _add(self, usage: Usage, cost_usd: float, calls: int) -> None:
        self._usage += usage
        self._cost_usd += cost_usd
        self._calls += calls

    def charge(self, error: ProviderError) -> None:
        error.usage, error.cost_usd, error.calls = self._usage, self._cost_usd, self._calls
        error.perhaps_billed = self._perhaps_billed

    def charged(self, summary: LlmSummary) -> LlmSummary:
        return replace(summary, usage=self._usage, cost_usd=self._cost_usd, calls=self._calls)


def _numbered(messages: Sequence[Message]) -> list[_Numbered]:
    return [_Numbered(message, (number,)) for number, message in enumerate(messages, 1)]


def _global(pieces: Sequence[_Numbered], cites: Sequence[int]) -> tuple[int, ...]:
    return tuple(sorted({number for cited in cites for number in pieces[cited - 1].numbers}))


def _size(pieces: Sequence[_Numbered]) -> float:
    return sum(_tokens(piece.message) for piece in pieces)


def _tokens(message: Message) -> float:
    return raw_tokens(message.content) + _PER_MESSAGE


def _end(content: str, start: int, room: int) -> int:
    """Where a piece that begins at ``start`` ends: between words if there are any, never in a grapheme."""
    end = start + room
    if end >= len(content):
        return len(content)
    space = max(content.rfind(" ", start + room // 2, end), content.rfind("\n", start + room // 2, end))
    end = space + 1 if space > 0 else whole(content, end)
    return end if end > start else start + room
