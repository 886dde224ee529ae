"""What were the sessions in these files about? Nothing is stored."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import TYPE_CHECKING

from ion_summary.model import SessionSummary
from ion_summary.operations.drafts import Draft
from ion_summary.operations.reading import Manner, drafts, recognise
from ion_summary.operations.summarizing import summarize_all
from ion_summary.transcripts.reader import Rejected, Resume
from ion_summary.transcripts.sources import find

if TYPE_CHECKING:
    from ion_summary.summarizers.explain import Explained


@dataclass(frozen=True)
class SummarizeRequest:
    """What is to be read, and how long the summaries may be; the rest as in ``IngestRequest``."""

    paths: Sequence[str | Path]
    input_format: str | None = None
    max_bullets: int = 8
    max_chars: int = 800
    tz: tzinfo | None = None
    split: str = "day"
    user: str | None = None


@dataclass(frozen=True, slots=True)
class Explanation:
    """Every sentence of a session that could stand in its summary, with its score by feature."""

    session_id: str
    sentences: list[Explained]


def summarize(request: SummarizeRequest) -> Iterator[SessionSummary | Rejected]:
    """The record of every session as ``ingest`` would store it, and what could not be read, in order."""
    for item in drafts_of(request):
        if isinstance(item, Draft):
            ((summary, tags),) = summarize_all([item.messages_json], request.max_bullets, request.max_chars)
            yield item.entry(summary, tags, keep_transcript=False).record
        else:
            yield item


def explain(request: SummarizeRequest) -> Iterator[Explanation | Rejected]:
    """Why each session's summary is what it is, and what could not be read, in order."""
    from ion_summary.summarizers.rule import explain as explained

    for item in drafts_of(request):
        if isinstance(item, Draft):
            yield Explanation(item.session_id, explained(item.messages(), request.max_bullets, request.max_chars))
        else:
            yield item


def drafts_of(request: SummarizeRequest) -> Iterator[Draft | Rejected]:
    """The sessions that the paths hold, and what could not be read, in order."""
    manner = Manner(request.input_format, request.user, None, request.tz, request.split)
    for source in find(request.paths):
        if isinstance(source, Rejected):
            yield source
            continue
        reader = recognise(source, manner)
        if isinstance(reader, Rejected):
            yield reader
            continue
        for item in drafts(source, reader, manner, source.stamp()):
            if not isinstance(item, Resume):
                yield item
