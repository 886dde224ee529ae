"""Which words does a text hold for search, and where does a search term occur in it?

One definition serves both sides. A term occurs where its characters stand in the text (NFC, lower case, white space
folded) and no Latin word is cut: ``plan`` is not found in ``plane``, ``환불`` is found in ``전액환불요청``. The tokens
that the index stores are chosen so that no occurrence is missed; what they let through too much is checked on the text.

Tokens: of a run of CJK characters every adjacent pair, and its last character alone (so that a single syllable is a
prefix of some token wherever it stands); of any other run of word characters the run itself.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from functools import cache, lru_cache
from itertools import groupby
from typing import NamedTuple
from unicodedata import normalize

# Hangul (jamo, compatibility jamo, syllables, extended and half-width forms), kana, bopomofo and Han ideographs:
# scripts whose words are not, or not reliably, set off by spaces. First and last characters of ranges, in order.
_RANGES = (
    "\u1100\u11ff\u2e80\u2fdf\u3005\u3007\u3021\u3029\u3031\u3035\u3041\u3096\u3099\u30ff\u3105\u312f\u3131\u318e"
    "\u31a0\u31bf\u31f0\u31ff\u3400\u4dbf\u4e00\u9fff\ua960\ua97f\uac00\ud7ff\uf900\ufaff\uff66\uffdc"
    "\U0001b000\U0001b2ff\U00020000\U0003ffff"
)
_CJK = "".join(f"{first}-{last}" for first, last in zip(_RANGES[::2], _RANGES[1::2], strict=True))


@cache  # not at import: compiling it takes longer than to find the sessions of a user
def _runs() -> re.Pattern[str]:
    return re.compile(f"([{_CJK}]+)|[^\\W{_CJK}]+")


def _is_cjk(character: str) -> bool:
    # Between the first and the last of a range an odd number of ends lies behind; the first itself is in, too.
    return bisect_right(_RANGES, character) % 2 == 1 or character in _RANGES[1::2]


class _Run(NamedTuple):
    """A run of word characters that are all CJK or all not."""

    start: int
    text: str
    cjk: bool


def _runs_in(query: str) -> Iterator[_Run]:
    """What ``_runs`` finds, without compiling it: for texts as short as queries that is the quicker way."""
    start = 0
    for kind, characters in groupby(query, _kind):
        text = "".join(characters)
        if kind is not None:
            yield _Run(start, text, kind)
        start += len(text)


def _kind(character: str) -> bool | None:
    """Whether a word character is CJK; None for all others."""
    return _is_cjk(character) if character.isalnum() or character == "_" or _is_cjk(character) else None


def _is_latin(character: str) -> bool:
    return _kind(character) is False


#: A tag is one token, whatever it consists of; the mark is a private-use character that no cleaned query begins with.
TAG_MARK = "\ue000"
_NOT_IN_TAG = re.compile(r"[\x00-/:-@\[-`{-\x7f]")


def fold(text: str) -> str:
    """The form in which texts and terms are compared: NFC, lower case, white space runs as one space."""
    return normalize("NFC", " ".join(normalize("NFC", text).lower().split()))


def tokens(text: str) -> list[str]:
    """The distinct index tokens of ``text``, in the order in which they first appear."""
    return list(dict.fromkeys(" ".join(map(_cjk_apart, fold(text).split())).split()))


def token_text(texts: Iterable[str]) -> str:
    """What the index is given for some texts: whatever they hold, its tokenizer finds just their tokens in it.

    That tokenizer lowers and splits ASCII as ``tokens`` does, so that only other characters need a look here.
    """
    return " ".join([text if text.isascii() else " ".join(map(_word_tokens, text.split())) for text in texts])


@lru_cache(maxsize=65536)  # words repeat, and most of them are found here
def _word_tokens(word: str) -> str:
    return word if word.isascii() else _cjk_apart(fold(word))


def _cjk_apart(word: str) -> str:
    """The tokens of a folded word, with spaces between."""
    out: list[str] = []
    for match in _runs().finditer(word):
        run = match.group()
        out.extend([run[i : i + 2] for i in range(len(run))] if match.lastindex else [run])
    return " ".join(out)


@lru_cache(maxsize=4096)
def tag_token(tag: str) -> str:
    """The one index token that stands for a tag; tags that differ in ASCII punctuation alone share it."""
    return TAG_MARK + _NOT_IN_TAG.sub("\ue001", fold(tag).strip())


class Term(NamedTuple):
    """One required part of a query: a word or a phrase, in folded form; ``prefix`` if it may go on to the right."""

    text: str
    prefix: bool = False

    @property
    def pattern(self) -> re.Pattern[str]:
        """Matches exactly where the term occurs in a folded or an NFC text, ignoring case."""
        return _pattern(self.text, self.prefix)

    def occurs_in(self, folded: str) -> bool:
        """Whether the term occurs in a text that ``fold`` has folded."""
        return self.text in folded and self.pattern.search(folded) is not None

    def needles(self) -> list[bytes]:
        """Bytes that every text with the term has, if it is in NFC and UTF-8 and its ASCII letters are lowered."""
        return [run.text.encode() for run in _runs_in(self.text) if run.cjk or run.text.isascii()]

    def index_query(self) -> tuple[list[tuple[str, bool]], bool]:
        """The tokens (each with whether it is a prefix) that every text with the term has, and whether having them is
        enough. No tokens: the index cannot help, every text must be looked at.
        """
        runs = list(_runs_in(self.text))
        wanted: list[tuple[str, bool]] = []
        for run in runs:
            at_end = run.start + len(run.text) == len(self.text)
            wanted.extend(_run_tokens(run.text, run.cjk, self.prefix and at_end))
        whole = len(runs) == 1 and runs[0].text == self.text
        return wanted, whole and len(wanted) == 1


@lru_cache(maxsize=256)
def _pattern(text: str, prefix: bool) -> re.Pattern[str]:
    left = f"(?<![^\\W{_CJK}])" if _is_latin(text[0]) else ""
    right = f"(?![^\\W{_CJK}])" if _is_latin(text[-1]) and not prefix else ""
    body = re.escape(text).replace(r"\ ", r"\s+")
    return re.compile(left + body + right, re.IGNORECASE)


def _run_tokens(run: str, cjk: bool, open_end: bool) -> list[tuple[str, bool]]:
    if not cjk:
        return [(run, open_end)]
    if len(run) == 1:
        return [(run, True)]
    return [(run[i : i + 2], False) for i in range(len(run) - 1)]


_QUERY_PARTS = re.compile(r'"([^"]*)"?|(\S+)')


def parse_terms(query: str) -> list[Term]:
    """The terms of what a user typed: words, ``"phrases"``, a trailing ``*`` for a prefix; all else is literal.

    Parts without a single letter or digit (a lone ``-``) ask for nothing and are left out.
    """
    terms = []
    for phrase, word in _QUERY_PARTS.findall(normalize("NFC", query)):
        text = fold(phrase or word).strip()
        prefix = not phrase and len(text) > 1 and text.endswith("*")
        if prefix:
            text = text.rstrip("*")
        if any(_runs_in(text)):
            terms.append(Term(text, prefix))
    return terms


def first_match(text: str, terms: Iterable[Term]) -> tuple[int, int] | None:
    """The span of the leftmost occurrence of any term in an NFC text, or None."""
    spans = [match.span() for term in terms if (match := term.pattern.search(text))]
    return min(spans, default=None)
