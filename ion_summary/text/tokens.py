"""Which words does a text hold for search, and where does a search term occur in it?

One definition serves both sides. A term occurs where its characters stand in the text (NFC, lower case, white space
folded) and no Latin word is cut: ``plan`` is not found in ``plane``, ``환불`` is found in ``전액환불요청``. The tokens
that the index stores are chosen so that no occurrence is missed; what they let through too much is checked on the text.

Tokens: of a run of CJK characters every adjacent pair, and its last character alone (so that a single syllable is a
prefix of some token wherever it stands); of any other run of word characters the run itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache, lru_cache
from unicodedata import normalize

# Hangul (jamo, compatibility jamo, syllables, extended and half-width forms), kana, bopomofo and Han ideographs:
# scripts whose words are not, or not reliably, set off by spaces.
_CJK = (
    "\u1100-\u11ff\u2e80-\u2fdf\u3005-\u3007\u3021-\u3029\u3031-\u3035\u3041-\u3096\u3099-\u30ff\u3105-\u312f"
    "\u3131-\u318e\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\ua960-\ua97f\uac00-\ud7ff\uf900-\ufaff"
    "\uff66-\uffdc\U0001b000-\U0001b2ff\U00020000-\U0003ffff"
)


@cache  # not at import: compiling it takes longer than to find the sessions of a user
def _runs() -> re.Pattern[str]:
    return re.compile(f"([{_CJK}]+)|[^\\W{_CJK}]+")


def _is_latin(character: str) -> bool:
    match = _runs().match(character)
    return match is not None and not match.lastindex


#: A tag is one token, whatever it consists of; the mark is a private-use character that no cleaned query begins with.
TAG_MARK = "\ue000"
_NOT_IN_TAG = re.compile(r"[\x00-/:-@\[-`{-\x7f]")


def fold(text: str) -> str:
    """The form in which texts and terms are compared: NFC, lower case, white space runs as one space."""
    return normalize("NFC", " ".join(normalize("NFC", text).lower().split()))


def tokens(text: str) -> list[str]:
    """The distinct index tokens of ``text``, in the order in which they first appear."""
    return list(dict.fromkeys(token_text([text]).split()))


def token_text(texts: Iterable[str]) -> str:
    """What the index is given for some texts: their tokens with spaces between, each at least once."""
    return " ".join(map(_word_tokens, dict.fromkeys(" ".join(texts).split())))


@lru_cache(maxsize=32768)  # words repeat: with this, a year of chats is split four times as fast
def _word_tokens(word: str) -> str:
    out: list[str] = []
    for match in _runs().finditer(fold(word)):
        run = match.group()
        out.extend([run[i : i + 2] for i in range(len(run))] if match.lastindex else [run])
    return " ".join(out)


@lru_cache(maxsize=4096)
def tag_token(tag: str) -> str:
    """The one index token that stands for a tag; tags that differ in ASCII punctuation alone share it."""
    return TAG_MARK + _NOT_IN_TAG.sub("\ue001", fold(tag).strip())


@dataclass(frozen=True, slots=True)
class Term:
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
        runs = _runs().finditer(self.text)
        return [run.group().encode() for run in runs if run.lastindex or run.group().isascii()]

    def index_query(self) -> tuple[list[tuple[str, bool]], bool]:
        """The tokens (each with whether it is a prefix) that every text with the term has, and whether having them is
        enough. No tokens: the index cannot help, every text must be looked at.
        """
        runs = list(_runs().finditer(self.text))
        wanted: list[tuple[str, bool]] = []
        for run in runs:
            at_end = run.end() == len(self.text)
            wanted.extend(_run_tokens(run.group(), bool(run.lastindex), self.prefix and at_end))
        whole = len(runs) == 1 and runs[0].span() == (0, len(self.text))
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
        if _runs().search(text):
            terms.append(Term(text, prefix))
    return terms


def first_match(text: str, terms: Iterable[Term]) -> tuple[int, int] | None:
    """The span of the leftmost occurrence of any term in an NFC text, or None."""
    spans = [match.span() for term in terms if (match := term.pattern.search(text))]
    return min(spans, default=None)
