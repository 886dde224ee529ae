"""Which sessions are meant, and where in them does the text stand?"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from itertools import chain
from typing import NamedTuple

from ion_summary.model import SessionSummary
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.text.terms import Term, first_match

_BEFORE = 40
_LENGTH = 160
_REMEMBERED = 1_024  # texts of some 1,000 bytes


class Hit(NamedTuple):
    """A session that was found. ``spans`` are the places of what was asked for in ``snippet`` (start, end); ``message``
    is the number (from 1) of the message that the snippet is of, if messages were searched.
    """

    record: SessionSummary
    score: float
    snippet: str
    spans: list[tuple[int, int]]
    message: int | None = None


class SearchResult(NamedTuple):
    """One page of hits; ``total`` counts all matches."""

    total: int
    hits: list[Hit]


def search(storage: SessionSummaryStorage, query: Query) -> SearchResult:
    """The sessions for which all that the query asks holds. Raises StoreNotFoundError."""
    storage.require()
    total, found = storage.find(query)
    terms = tuple(query.terms)
    return SearchResult(total, [_hit(record, score, terms) for record, score in found])


def _hit(record: SessionSummary, score: float, terms: tuple[Term, ...]) -> Hit:
    metadata = record.metadata
    others = [metadata.get("title"), *(metadata.get("tags") or [])] if terms else []
    snippet, places = _passage(tuple(text for text in (record.summary, *others) if isinstance(text, str)), terms)
    return Hit(record, score, snippet, list(places))


def spans(text: str, terms: Sequence[Term]) -> list[tuple[int, int]]:
    """Where the terms stand in a text, in order."""
    return sorted({span for term in terms for span in term.spans(text)})


@lru_cache(maxsize=_REMEMBERED)  # who asks again, or for the next page, is shown much of the same
def _passage(texts: tuple[str, ...], terms: tuple[Term, ...]) -> tuple[str, list[tuple[int, int]]]:
    """The part of the summary, or else the title or tag, in which the first match stands; and where in it all do."""
    lines = map(_line, texts)
    first = next(lines)
    for line in chain([first], lines) if terms else ():
        if match := first_match(line, terms):
            snippet = _around(line, *match)
            return snippet, spans(snippet, terms)
    return _around(first, 0, 0), []


def excerpt(text: str, terms: Sequence[Term]) -> str:
    """The part of a text in which the first match stands, on one line; its beginning if there is none."""
    line = _line(text)
    return _around(line, *(first_match(line, terms) or (0, 0)))


def _line(text: str) -> str:
    return " ".join(text.split())


def _around(text: str, start: int, end: int) -> str:
    first = 0 if start <= _BEFORE else text.rfind(" ", 0, start - _BEFORE) + 1
    last = max(end, min(len(text), first + _LENGTH))
    if last < len(text):
        last = max(end, text.rfind(" ", first, last)) if " " in text[first:last] else last
    return ("… " if first else "") + text[first:last] + (" …" if last < len(text) else "")
