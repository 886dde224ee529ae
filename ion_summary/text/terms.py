"""What does a user who types some words ask for, and where does it occur in a text?

A term occurs where one of its variants stands in the text (NFC, lower case, white space folded) and no Latin word is
cut: ``plan`` is not found in ``plane``, ``환불`` is found in ``전액환불요청``. It is looked up by the tokens of its
variants, which are chosen so that no occurrence is missed; what they let through too much is checked on the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import islice
from typing import NamedTuple
from unicodedata import category, normalize

from ion_summary.text.inflection import bare, forms, particle, stem
from ion_summary.text.tokens import STEM_MARK, TRIPLE_MARK, fold, is_cjk, is_latin, kind, runs_in

#: Tokens that a text must have all of; each with whether it is a prefix of one that the text has.
Tokens = list[tuple[str, bool]]


class Term(NamedTuple):
    """One required part of a query: a word or a phrase, in folded form; ``prefix`` if it may go on to the right,
    ``literal`` if only these very characters are meant.
    """

    text: str
    prefix: bool = False
    literal: bool = False

    @property
    def variants(self) -> tuple[str, ...]:
        """What counts as the term: a Korean word also without its particle or ending and with a space inside, an
        English one in all its forms. Only one of them need occur.
        """
        return _variants(self)

    def spans(self, text: str) -> Iterator[tuple[int, int]]:
        """Where the term occurs in an NFC text, ignoring case."""
        lowered = text.lower()
        if len(lowered) == len(text):  # each character keeps its place: a pattern that need not ignore case is quicker
            return self._spans(lowered, _pattern(self.variants, r"\s+", 0))
        return self._spans(text, _pattern(self.variants, r"\s+", re.IGNORECASE))

    def occurs_in(self, folded: str) -> bool:
        """Whether the term occurs in a text that ``fold`` has folded."""
        variants = self.variants
        if not any(variant in folded for variant in variants):
            return False
        if not _has_latin_edge(variants):
            return True
        return any(self._spans(folded, _pattern(variants, " ", 0)))

    def _spans(self, text: str, pattern: re.Pattern[str]) -> Iterator[tuple[int, int]]:
        if not _has_latin_edge(self.variants):
            yield from (match.span() for match in pattern.finditer(text))
            return
        # That no Latin word is cut is not left to the pattern: with all of CJK in it, it takes long to compile.
        end_is_open = self._is_open
        at = 0
        while match := pattern.search(text, at):
            start, end = match.span()
            cut_before = start > 0 and is_latin(text[start]) and is_latin(text[start - 1])
            cut_after = end < len(text) and not end_is_open and is_latin(text[end - 1]) and is_latin(text[end])
            if cut_before or cut_after:
                at = start + 1
            else:
                yield start, end
                at = end

    @property
    def _is_open(self) -> bool:
        return self.prefix and is_latin(self.text[-1])

    def index_query(self) -> tuple[list[Tokens], bool]:
        """Tokens such that every text with the term has all of one list of them, and whether having them is enough.
        No list: the index cannot help, every text must be looked at.
        """
        base = _base(self)
        if base is not None:
            return [[(base, False)], [(STEM_MARK + base, False)]], True
        variants = self.variants
        ways = [_tokens_of(variant, self._is_open) for variant in variants]
        whole = len(variants) == 1 and len({kind(letter) for letter in variants[0]} - {None}) == 1
        enough = whole and len(ways[0]) == 1 and all(kind(letter) is not None for letter in variants[0])
        return (ways, enough) if all(ways) else ([], False)


def _base(term: Term) -> str | None:
    """The stem of a term that is a Latin word in any form."""
    if term.literal or term.prefix:
        return None
    runs = list(runs_in(term.text))
    if not runs or runs[0].cjk or runs[0].start:
        return None
    first, *others = runs
    alone = len(first.text) == len(term.text)
    if alone or (len(others) == 1 and term.text == first.text + others[0].text and particle(others[0].text)):
        return stem(first.text)
    return None


@lru_cache(maxsize=256)
def _variants(term: Term) -> tuple[str, ...]:
    base, text = _base(term), term.text
    if base is not None:
        return tuple(sorted(forms(base)))
    if term.literal or not all(map(is_cjk, text)):
        return (text,)
    return _spaced(bare(text))


@lru_cache(maxsize=256)
def _has_latin_edge(variants: tuple[str, ...]) -> bool:
    return any(is_latin(variant[0]) or is_latin(variant[-1]) for variant in variants)


def _spaced(run: str) -> tuple[str, ...]:
    """주문번호 is also written 주문 번호."""
    places = range(2, len(run) - 1) if len(run) <= _LONGEST_SPACED else ()
    return (run, *(f"{run[:place]} {run[place:]}" for place in places))


_LONGEST_SPACED = 8


def _tokens_of(text: str, open_end: bool) -> Tokens:
    wanted: Tokens = []
    for run in runs_in(text):
        at_end = run.start + len(run.text) == len(text)
        wanted += _cjk_tokens(run.text, at_end) if run.cjk else [(run.text, open_end and at_end)]
    return wanted


@lru_cache(maxsize=256)
def _pattern(variants: tuple[str, ...], space: str, flags: int) -> re.Pattern[str]:
    # Longest first: of two forms of a word that begin alike, the shorter one would cut the longer.
    longest_first = sorted(variants, key=len, reverse=True)
    return re.compile("|".join(re.escape(variant).replace(r"\ ", space) for variant in longest_first), flags)


def _cjk_tokens(run: str, at_end: bool) -> Tokens:
    # Where something stands behind it, a run of the text ends with it, too, and its last character is a token.
    last = [] if at_end else [(run[-1], False)]
    if len(run) == 1:
        return last or [(run, True)]
    if len(run) == 2:
        return [(run, False), *last]
    return [*((TRIPLE_MARK + run[i : i + 3], False) for i in range(len(run) - 2)), *last]


_QUERY_PARTS = r'"([^"]*)"?|(\S+)'


def parse_terms(query: str) -> list[Term]:
    """The terms of what a user typed: words, literal ``"phrases"``, a trailing ``*`` for a prefix.

    Punctuation beside words (a lone ``-``) asks for nothing, unless it is quoted.
    """
    terms = list[Term]()
    for phrase, word in re.findall(_QUERY_PARTS, normalize("NFC", query)):
        text = fold(phrase or word).strip()
        prefix = not phrase and len(text) > 1 and text.endswith("*")
        if prefix:
            text = text.rstrip("*")
        if text:
            terms.append(Term(text, prefix, bool(phrase)))
    return [term for term in terms if term.literal or not _is_punctuation(term.text)] or terms


def _is_punctuation(text: str) -> bool:
    return all(category(character)[0] == "P" for character in text)


def first_match(text: str, terms: Iterable[Term]) -> tuple[int, int] | None:
    """The span of the leftmost occurrence of any term in an NFC text, or None."""
    spans = [span for term in terms for span in islice(term.spans(text), 1)]
    return min(spans, default=None)
