"""Which sessions are about the same as this one?

Those that share its rare words, as cosine of two sets of words weighed by how few sessions have each (Sparck Jones,
A statistical interpretation of term specificity, 1972). The words come from summary, title and tags, without particles
and endings; the search for each of them, and for the rarest in pairs, brings the candidates.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from itertools import combinations
from math import log, sqrt
from typing import NamedTuple

from ion_summary.model import SessionSummary
from ion_summary.operations.show import show
from ion_summary.store.matching import searchable
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.summarizers.words import COMMON, EMPTY, NUMBER, WORD, look

# So many words are searched for, and so many of the rarest of them in pairs.
_WORDS = 16
_PAIRED = 5
_CANDIDATES = 60
_SPEAKER = r"(?m)^- (?:[^:\n]{1,40}: )?"
_SAYS_LITTLE = (EMPTY, COMMON, NUMBER)


class Alike(NamedTuple):
    """A session, how much it is like the one asked for (0 to 1), and the words that both have."""

    record: SessionSummary
    score: float
    shared: list[str]


def similar(storage: SessionSummaryStorage, session_id: str, limit: int) -> list[Alike]:
    """The ``limit`` sessions most like a stored one, the most alike first, of equally alike ones the newest.

    Raises:
        StoreNotFoundError, SessionNotFoundError: there is nothing to compare with.
    """
    own = show(storage, session_id)
    words = _words(own)
    total, _ = storage.find(Query(limit=0))
    rarity: dict[str, float] = {}
    found: dict[str, SessionSummary] = {}
    for word in list(words)[:_WORDS]:
        count, hits = storage.find(Query(text=_search(word), limit=_CANDIDATES, sort="newest"))
        rarity[word] = log(1 + total / max(count, 1))
        found.update((record.session_id, record) for record, _ in hits)
    rarest = sorted(rarity, key=lambda word: rarity[word], reverse=True)[:_PAIRED]
    for pair in combinations(rarest, 2):
        hits = storage.find(Query(text=" ".join(map(_search, pair)), limit=_CANDIDATES, sort="newest"))[1]
        found.update((record.session_id, record) for record, _ in hits)
    found.pop(own.session_id, None)
    alike = [_compared(words, record, rarity) for record in found.values()]
    alike.sort(key=lambda each: (each.score, each.record.created_at), reverse=True)
    return [each for each in alike[:limit] if each.score]


def _compared(words: dict[str, str], record: SessionSummary, rarity: dict[str, float]) -> Alike:
    others = _words(record)
    shared = [word for word in words if word in others and word in rarity]
    score = sum(rarity[word] ** 2 for word in shared) / (_length(words, rarity) * _length(others, rarity) or 1)
    return Alike(record, round(score, 4), [words[word] for word in shared])


def _length(words: Iterable[str], rarity: dict[str, float]) -> float:
    # A word that was not searched for is taken to be as rare as the usual one.
    usual = sum(rarity.values()) / len(rarity)
    return sqrt(sum(rarity.get(word, usual) ** 2 for word in words))


def _words(record: SessionSummary) -> dict[str, str]:
    """The words that say what a session is about, by what all their forms share: as they are written there. Those of
    title and tags come first.
    """
    summary, *topics = searchable(record.to_dict())[0]
    summary = re.sub(_SPEAKER, "", summary)
    words: dict[str, str] = {}
    for text in (*topics, summary):
        for term, form in _said(text):
            words.setdefault(term, form)
    return words


def _said(text: str) -> Iterable[tuple[str, str]]:
    for form in re.findall(WORD, text):
        word = look(form)
        if word.kind not in _SAYS_LITTLE and len(word.term) > 1:
            yield word.term, form


def _search(term: str) -> str:
    """The search that finds every form of a word: Korean words match inside others, Latin ones by their beginning."""
    return f"{term}*" if term.isascii() else term
