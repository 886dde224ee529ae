"""Which sessions say it, word for word, wherever in them? Their messages are read for it, day by day."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from heapq import nlargest, nsmallest
from typing import TypeVar

from ion_summary.errors import UsageError
from ion_summary.operations.search import Hit, SearchResult, excerpt, spans
from ion_summary.progress import Progress
from ion_summary.store import layout
from ion_summary.store.catalog import DAY_SHIFT, Catalog, Place
from ion_summary.store.hashing import hash64
from ion_summary.store.inside import Said, said_on
from ion_summary.store.lines import LineReader
from ion_summary.store.matches import Matches
from ion_summary.store.query import Query
from ion_summary.store.segments import Segments
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.workers import Workers

# Starting the workers takes as long as reading so much.
_WORTH_WORKERS = 256 << 20
_Answer = TypeVar("_Answer")
_Found = tuple[Place, Said]


def search_messages(
    storage: SessionSummaryStorage, query: Query, progress: Progress, workers: int | None = None
) -> SearchResult:
    """The sessions whose messages together have all words of the query, and of which all else that it asks holds;
    newest first, or oldest. A session of which no transcript is kept is not found. ``storage.damage`` has what could
    not be read.

    Raises:
        StoreNotFoundError: there is no store.
        UsageError: the query has no words.
    """
    storage.require()
    if not query.terms:
        raise UsageError(reason="no words to look for in the messages", accepted="give at least one")
    choose = nsmallest if query.sort == "oldest" else nlargest
    total = 0

    def counted() -> Iterator[_Found]:
        nonlocal total
        for item in _found(storage, query, progress, workers):
            total += 1
            yield item

    chosen = choose(query.offset + query.limit, counted(), key=lambda item: (item[0].created, item[0].id))
    hits = [hit for item in chosen[query.offset :] if (hit := _hit(storage, query, item[1]))]
    return SearchResult(total, hits)


def _found(storage: SessionSummaryStorage, query: Query, progress: Progress, workers: int | None) -> Iterator[_Found]:
    filters = replace(query, text=None)
    days = _asked(storage, filters, Matches.days)
    sizes = {day: stat.st_size for day, stat in layout.transcript_partitions(storage.path).items()}
    total = sum(sizes.get(day, 0) for day in days)
    progress.start("search", total, "bytes")
    with Workers(workers if total >= _WORTH_WORKERS else 1) as some:
        pieces = [(storage.path, day, query.terms) for day in days]
        for day, (said, damage) in zip(days, some.in_order(said_on, pieces), strict=True):
            storage.damage += damage
            by_session = {hash64(each.session_id): each for each in said}
            places = _asked(storage, filters, partial(Matches.among, sessions=by_session)) if said else []
            # On another day it is what the session said before it grew or was saved anew.
            yield from ((place, by_session[place.session]) for place in places if place.id >> DAY_SHIFT == day)
            progress.advance(sizes.get(day, 0))
    progress.finish()


def _asked(storage: SessionSummaryStorage, query: Query, ask: Callable[[Matches], _Answer]) -> _Answer:
    def answer(catalog: Catalog, segments: Segments) -> _Answer:
        with LineReader(storage.path, catalog, storage.damage.append) as lines:
            return ask(Matches(query, catalog, segments, lines))

    return storage.reading(answer)


def _hit(storage: SessionSummaryStorage, query: Query, said: Said) -> Hit | None:
    record = storage.load(said.session_id)
    if record is None:
        return None  # it was deleted a moment ago
    snippet = excerpt(said.text, query.terms)
    return Hit(record, 0.0, snippet, spans(snippet, query.terms), said.message)
