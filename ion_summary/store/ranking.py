"""Which of the matching records say most about what was asked?

BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) with title and tags counted double, and
without the part for rare words: every match has all the words, and so it would be the same for each. Only the newest
matches are weighed, because weighing means reading; those behind them follow by date.
"""

from __future__ import annotations

from collections.abc import Sequence

from ion_summary.store.catalog import Place
from ion_summary.store.matching import searchable
from ion_summary.store.query import Fetch
from ion_summary.text.tokens import Term

#: So many of the newest matches are weighed: each has to be read for it.
WEIGHED = 200

_K1 = 1.2
_B = 0.75
_USUAL_LENGTH = 400  # characters; a summary has at most 800 by default
_OUTSIDE_SUMMARY = 2.0


def ranked(places: Sequence[Place], terms: Sequence[Term], fetch: Fetch) -> list[tuple[Place, float]]:
    """The places, newest first, with the newest ``WEIGHED`` of them in order of their scores; ties stay by date."""
    weighed = [(place, _score(place, terms, fetch)) for place in places[:WEIGHED]]
    weighed.sort(key=lambda item: item[1], reverse=True)
    return weighed + [(place, 0.0) for place in places[WEIGHED:]]


def _score(place: Place, terms: Sequence[Term], fetch: Fetch) -> float:
    record = fetch(place, ())
    if record is None:
        return 0.0
    summary, *others = searchable(record)[0]
    norm = _K1 * (1 - _B + _B * len(summary) / _USUAL_LENGTH)
    score = 0.0
    for term in terms:
        pattern = term.pattern
        count = len(pattern.findall(summary)) + _OUTSIDE_SUMMARY * sum(len(pattern.findall(text)) for text in others)
        score += count * (_K1 + 1) / (count + norm)
    return round(score, 4)
