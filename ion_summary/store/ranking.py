"""Which of the matching records say most about what was asked?

BM25 (Robertson and Zaragoza, The Probabilistic Relevance Framework, 2009) with title and tags counted double, and
without the part for rare words: every match has all the words, and so it would be the same for each. What stands there
as it was typed counts more than another form of it, and what begins a word more than what is inside one. Weighing means
reading; so the newest matches are weighed and the newest of those with the words in title or tags, the others follow by
date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from ion_summary.store.catalog import Place
from ion_summary.store.matching import searchable
from ion_summary.text.terms import Term

#: So many of the newest matches, and if there are more, of those with the words in title or tags, are weighed: each is
#: read for it.
WEIGHED = 100
FOREMOST = 30

_K1 = 1.2
_B = 0.75
_USUAL_LENGTH = 650  # bytes, of a summary in English as of one in Korean, which says as much in half the characters
_OUTSIDE_SUMMARY = 2.0
_OTHER_FORM = 0.4
_INSIDE = 0.6


#: Reads the records at some places, in their order; None for one that is damaged.
Fetch = Callable[[Iterable[Place]], Iterable[tuple[Place, dict[str, Any] | None]]]
# Between two texts: no term can go across it.
_BORDER = "\x00"


def ranked(
    newest: Sequence[Place], foremost: Sequence[Place], terms: Sequence[Term], fetch: Fetch
) -> list[tuple[Place, float]]:
    """The places, newest first, after those that are weighed: the first ``WEIGHED`` of them and all ``foremost``, in
    the order of their scores. Ties stay by date.
    """
    weighed = sorted({*newest[:WEIGHED], *foremost}, key=lambda place: (place.created, place.id), reverse=True)
    scored = [(place, _score(record, terms)) for place, record in fetch(weighed)]
    scored.sort(key=lambda item: item[1], reverse=True)
    known = set(weighed)
    return scored + [(place, 0.0) for place in newest if place not in known]


def _score(record: Mapping[str, Any] | None, terms: Sequence[Term]) -> float:
    if record is None:
        return 0.0
    summary, *others = searchable(record)[0]
    outside = _BORDER.join(others)
    norm = _K1 * (1 - _B + _B * len(summary.encode()) / _USUAL_LENGTH)
    score = 0.0
    for term in terms:
        count = _weight(term, summary) + _OUTSIDE_SUMMARY * _weight(term, outside)
        score += count * (_K1 + 1) / (count + norm)
    return round(score, 4)


def _weight(term: Term, text: str) -> float:
    """How often a term occurs in a text, with what is less than the word itself counted as less."""
    count = 0.0
    for start, end in term.spans(text):
        as_typed = text.startswith(term.text, start) or text[start:end].lower() == term.text
        begins = start == 0 or not text[start - 1].isalnum()
        count += (1.0 if as_typed else _OTHER_FORM) * (1.0 if begins else _INSIDE)
    return count
