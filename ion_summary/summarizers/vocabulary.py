"""What is a conversation about so far: how often was each term used, by whom, and what is it worth in a summary?"""

from __future__ import annotations

from collections.abc import Mapping
from math import log1p
from typing import Any

from ion_summary.summarizers import weights
from ion_summary.summarizers.words import EMPTY, KIND_NAMES, Word

MOST_TERMS = 4096
_MOST_COUNTED = 200
_LOG = [log1p(count) ** 1.5 for count in range(_MOST_COUNTED + 1)]


COUNT, VOICES, KIND, FORM = range(4)
Term = list[Any]  # in how many sentences it was, of which voices (bits), its kind, and the form that a tag shows


class Vocabulary:
    """The terms of one conversation; at most ``MOST_TERMS`` of them, the rarest are forgotten first."""

    __slots__ = ("terms", "worth")

    def __init__(self) -> None:
        self.terms: dict[str, Term] = {}
        self.worth: dict[str, float] = {}

    def add(self, spoken: Mapping[str, Word], voice: int) -> int:
        """Counts the terms of one sentence, said by the speaker with the number ``voice``; how many of them are new."""
        terms, worth = self.terms, self.worth
        bit = 1 << voice
        new = 0
        for name, word in spoken.items():
            term = terms.get(name)
            if term is None:
                new += 1
                terms[name] = [1, bit, word[1], word[3]]
                worth[name] = _ONCE[word[1]]
                continue
            count = term[COUNT] = term[COUNT] + 1
            voices = term[VOICES] = term[VOICES] | bit
            form = word[3]
            if form and form != term[FORM] and (not term[FORM] or len(form) < len(term[FORM])):
                term[FORM] = form
            value = _WORTH[term[KIND]][count if count < _MOST_COUNTED else _MOST_COUNTED]
            worth[name] = value * weights.SHARED if voices & (voices - 1) else value
        return new

    def forget_rare(self, needed: set[str]) -> None:
        """Makes room by forgetting the terms used least, except those in ``needed``."""
        if len(self.terms) <= MOST_TERMS:
            return
        order = sorted((name for name in self.terms if name not in needed), key=lambda name: self.terms[name][COUNT])
        for name in order[: len(self.terms) - MOST_TERMS // 2]:
            del self.terms[name], self.worth[name]

    def to_dict(self) -> dict[str, list[Any]]:
        """The terms as JSON values."""
        return {name: list(term) for name, term in self.terms.items()}

    @classmethod
    def from_dict(cls, state: Mapping[str, list[Any]]) -> Vocabulary:
        """What ``to_dict`` described."""
        made = cls()
        for name, term in state.items():
            made.terms[name] = list(term)
            made.worth[name] = worth_of(term)
        return made


def worth_of(term: Term) -> float:
    """What ``term`` adds to a sentence that says it."""
    value: float = _WORTH[term[KIND]][min(term[COUNT], _MOST_COUNTED)]
    return value * weights.SHARED if term[VOICES] & (term[VOICES] - 1) else value


def _worth_table() -> list[list[float]]:
    per_kind = [0.0 if kind == EMPTY else weights.TERM[name] for kind, name in enumerate(KIND_NAMES)]
    return [[weight * log for log in _LOG] for weight in per_kind]


_WORTH = _worth_table()
_ONCE = [row[1] for row in _WORTH]
