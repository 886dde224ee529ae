"""What is a conversation about so far: how often was each term used, by whom, and what is it worth in a summary?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log1p

from ion_summary.summarizers import weights
from ion_summary.summarizers.words import EMPTY, KIND_NAMES

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ion_summary.summarizers.words import Word

    Term: TypeAlias = list[Any]

MOST_TERMS = 4096
_MOST_COUNTED = 200
_LOG = [log1p(count) ** 1.5 for count in range(_MOST_COUNTED + 1)]


UNIT = 1000  # worths are whole thousandths: sums of them are exact in any order, so a restored state goes on exactly
COUNT, VOICES, KIND, FORM, WORTH, HOLDERS, NAME, SAID = range(8)
# In how many sentences it was, of which voices (bits), its kind, the form that a tag shows, what it is worth, the
# places of the held sentences that have it, what all its forms share, and the number of the last summary that said it.
# A list, because making one is three times as fast as making an object; places, not the sentences themselves, because
# rings of references would be left to the garbage collector.


class Vocabulary:
    """The terms of one conversation; at most ``MOST_TERMS`` of them, the rarest are forgotten first."""

    __slots__ = ("_changed", "fresh", "terms")

    def __init__(self) -> None:
        self.terms: dict[str, Term] = {}
        self.fresh: list[int] = []  # of every held sentence, by its place: what its terms are worth together
        self._changed: dict[str, Term] = {}  # those that have been counted again since ``settle``

    def add(self, words: Sequence[Word], voice: int) -> list[Term]:
        """Counts ``words``, those of one more held sentence, which the speaker with the number ``voice`` has said.

        Returns the terms that they are, each once.
        """
        known, changed = self.terms, self._changed
        find = known.get
        bit, place, fresh = 1 << voice, len(self.fresh), _BASE
        terms: list[Term] = []
        for word in words:
            name = word.term
            term = find(name)
            if term is None:
                kind = word.kind
                value = _ONCE[kind]
                known[name] = term = [1, bit, kind, word.form, value, [place], name, 0]
                terms.append(term)
                fresh += value
                continue
            holders = term[HOLDERS]
            if holders and holders[-1] == place:
                continue  # another form of it in the same sentence
            holders.append(place)
            terms.append(term)
            changed[name] = term
            term[COUNT] += 1
            term[VOICES] |= bit
            fresh += term[WORTH]
            form = word.form
            if form is not term[FORM] and form and (not term[FORM] or len(form) < len(term[FORM])):
                term[FORM] = form
        self.fresh.append(fresh)
        return terms

    def settle(self) -> None:
        """Brings ``fresh`` up to date."""
        fresh = self.fresh
        for term in self._changed.values():
            count, voices, kind, _, worth, holders, _, _ = term
            table = _SHARED_WORTH if voices & (voices - 1) else _WORTH
            value = table[kind][count if count < _MOST_COUNTED else _MOST_COUNTED]
            more = value - worth
            if more:
                term[WORTH] = value
                for holder in holders:
                    fresh[holder] += more
        self._changed.clear()

    def hold(self, sentences: Iterable[Iterable[Term]]) -> None:
        """Keeps ``fresh`` for these sentences, of which the terms are given, and for no others."""
        fresh = self.fresh = []
        for place, terms in enumerate(sentences):
            worth = _BASE
            for term in terms:
                worth += term[WORTH]
                term[HOLDERS].append(place)
            fresh.append(worth)

    def let_go(self, sentences: Iterable[Iterable[Term]]) -> None:
        """Forgets who holds the terms of these sentences."""
        for terms in sentences:
            for term in terms:
                term[HOLDERS].clear()

    def term(self, name: str) -> Term:
        """The term of that name; one that nobody has used if it is not known."""
        return self.terms.get(name) or [0, 0, EMPTY, "", 0, [], name, 0]

    def forget_rare(self) -> None:
        """Makes room by forgetting the terms used least, except those of held sentences."""
        if len(self.terms) <= MOST_TERMS:
            return
        idle = sorted(
            (n for n, term in self.terms.items() if not term[HOLDERS]), key=lambda n: int(self.terms[n][COUNT])
        )
        for name in idle[: len(self.terms) - MOST_TERMS // 2]:
            del self.terms[name]

    def to_dict(self) -> dict[str, list[Any]]:
        """The terms as JSON values."""
        return {name: term[:WORTH] for name, term in self.terms.items()}

    @classmethod
    def from_dict(cls, state: Mapping[str, list[Any]]) -> Vocabulary:
        """What ``to_dict`` described; sentences are to be held again."""
        made = cls()
        for name, term in state.items():
            made.terms[name] = [*term, worth_of(term), [], name, 0]
        return made


def worth_of(term: Term) -> int:
    """What ``term`` adds to a sentence that says it, in thousandths."""
    table = _SHARED_WORTH if term[VOICES] & (term[VOICES] - 1) else _WORTH
    worth: int = table[term[KIND]][min(term[COUNT], _MOST_COUNTED)]
    return worth


def _worth_table(factor: float) -> list[list[int]]:
    """By kind and count."""
    per_kind = [UNIT * factor * weights.TERM.get(name, 0.0) for name in KIND_NAMES]
    return [[int(worth * log + 0.5) for log in _LOG] for worth in per_kind]


def load_weights() -> None:
    """Takes over the numbers of ``weights``; a benchmark that changes them calls it again."""
    global _WORTH, _SHARED_WORTH, _ONCE, _BASE
    _WORTH = _worth_table(1.0)
    _SHARED_WORTH = _worth_table(weights.SHARED)
    _ONCE = [row[1] for row in _WORTH]
    _BASE = round(UNIT * weights.BASE)


_WORTH: list[list[int]]
_SHARED_WORTH: list[list[int]]
_ONCE: list[int]
_BASE: int
load_weights()
