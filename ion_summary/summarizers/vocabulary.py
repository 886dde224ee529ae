"""What is a conversation about so far: how often was each term used, by whom, and what is it worth in a summary?"""

from __future__ import annotations

from collections.abc import Iterable
from math import log1p
from typing import Any

from ion_summary.summarizers import weights
from ion_summary.summarizers.words import KIND_NAMES, EMPTY, Word

MOST_TERMS = 4096
_MOST_COUNTED = 1024
_MOST_VOICES = 60
_LOG = [log1p(count) for count in range(_MOST_COUNTED + 1)]


class Term:
    """What is known of one term: in how many sentences it was, of which voices (bits), its kind and its readable form."""

    __slots__ = ("count", "form", "kind", "voices")

    def __init__(self, count: int, voices: int, kind: int, form: str) -> None:
        self.count = count
        self.voices = voices
        self.kind = kind
        self.form = form


class Vocabulary:
    """The terms of one conversation; at most ``MOST_TERMS`` of them, the rarest are forgotten first."""

    __slots__ = ("terms", "worth")

    def __init__(self) -> None:
        self.terms: dict[str, Term] = {}
        self.worth: dict[str, float] = {}

    def add(self, spoken: Iterable[Word], voice: int) -> None:
        """Counts the terms of one sentence, said by the speaker with the number ``voice``."""
        terms, worth = self.terms, self.worth
        bit = 1 << min(voice, _MOST_VOICES)
        for name, kind, _, form in spoken:
            term = terms.get(name)
            if term is None:
                terms[name] = Term(1, bit, kind, form)
                worth[name] = _WORTH[kind][1]
                continue
            term.count += 1
            term.voices |= bit
            if form and (not term.form or len(form) < len(term.form)):
                term.form = form
            worth[name] = _value(term)

    def forget_rare(self, needed: set[str]) -> None:
        """Makes room by forgetting the terms used least, except those in ``needed``."""
        if len(self.terms) <= MOST_TERMS:
            return
        order = sorted((name for name in self.terms if name not in needed), key=lambda name: self.terms[name].count)
        for name in order[: len(self.terms) - MOST_TERMS // 2]:
            del self.terms[name], self.worth[name]

    def to_dict(self) -> dict[str, list[Any]]:
        """The terms as JSON values."""
        return {name: [term.count, term.voices, term.kind, term.form] for name, term in self.terms.items()}

    @classmethod
    def from_dict(cls, state: dict[str, list[Any]]) -> Vocabulary:
        """What ``to_dict`` described."""
        made = cls()
        for name, (count, voices, kind, form) in state.items():
            made.terms[name] = term = Term(count, voices, kind, form)
            made.worth[name] = _value(term)
        return made


def _value(term: Term) -> float:
    value = _WORTH[term.kind][min(term.count, _MOST_COUNTED)]
    return value * weights.SHARED if term.voices & (term.voices - 1) else value


def _worth_table() -> list[list[float]]:
    per_kind = [0.0 if kind == EMPTY else weights.TERM[name] for kind, name in enumerate(KIND_NAMES)]
    return [[weight * log for log in _LOG] for weight in per_kind]


_WORTH = _worth_table()
