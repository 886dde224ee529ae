"""Which words does a text hold for search, and where does a search term occur in it?

One definition serves both sides. A term occurs where one of its variants stands in the text (NFC, lower case, white
space folded) and no Latin word is cut: ``plan`` is not found in ``plane``, ``환불`` is found in ``전액환불요청``. The
tokens that the index stores are chosen so that no occurrence is missed; what they let through too much is checked on
the text.

Tokens: of a run of CJK characters every adjacent pair, every three in a row (marked), and its last character alone (so
that a single syllable is a prefix of some token wherever it stands); of any other run of word characters the run
itself and, if it is another, its stem (marked).
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache, lru_cache
from itertools import groupby, islice
from os.path import commonprefix
from typing import NamedTuple
from unicodedata import normalize

from ion_summary.text.inflection import bare, forms, particle, stem

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
    return re.compile(f"([{_CJK}]+)|([^\\W{_CJK}]+)")


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
    if character < _RANGES[0]:
        return False if character.isalnum() or character == "_" else None
    return _is_cjk(character) if character.isalnum() or _is_cjk(character) else None


def _is_latin(character: str) -> bool:
    return _kind(character) is False


#: Marks tell kinds of tokens apart. They are private-use characters, which are in no run of word characters.
#: A tag is one token, whatever it consists of.
TAG_MARK = "\ue000"
_TRIPLE_MARK = "\ue002"
_STEM_MARK = "\ue003"
#: Title and tags say what a session is about: their tokens are there once more, for what is to come first.
OUTSIDE_MARK = "\ue004"
#: Whose session it is: a hash, behind a mark.
USER_MARK = "\ue005"
_ASCII = "[\x00-\x7f]+"
_NOT_IN_TAG = r"[\x00-/:-@\[-`{-\x7f]"


def fold(text: str) -> str:
    """The form in which texts and terms are compared: NFC, lower case, white space runs as one space."""
    return normalize("NFC", " ".join(normalize("NFC", text).lower().split()))


def tokens(text: str) -> list[str]:
    """The distinct index tokens of ``text``, in the order in which they first appear."""
    return list(dict.fromkeys(token for word in fold(text).split() for token in _tokens_of_word(word)))


def index_text(texts: Sequence[str], tags: Iterable[str], others: Iterable[bytes]) -> bytes:
    """What the index is given for a record, one line of UTF-8: the tokens of its texts, those of all but the first
    (title and tags) once more with a mark, a token for each tag, and others. Its tokenizer finds just these in it.

    That tokenizer lowers and splits ASCII as ``tokens`` does, so that only other characters and what has another stem
    need a look here.
    """
    words, outside = set(" ".join(texts).split()), set(" ".join(texts[1:]).split())
    return b" ".join([*map(_text_of, words), *map(_outside_text_of, outside), *map(_tag_text_of, tags), *others])


class _Texts(dict[str, bytes]):
    """What the index is given for a word. Words repeat, and most of them are found here; the others are looked at."""

    def __init__(self, look: Callable[[str], str]) -> None:
        super().__init__()
        self._look = look

    def __missing__(self, word: str) -> bytes:
        text = self._look(word).encode()
        if len(word) <= _LONGEST_KEPT:  # what is longer, a sentence without spaces, hardly comes again
            if len(self) >= _WORDS_KEPT:
                self.clear()
            self[word] = text
        return text


_WORDS_KEPT = 1 << 16
_LONGEST_KEPT = 32


@cache
def _long_ascii_runs() -> re.Pattern[str]:
    return re.compile("[0-9a-z_]{4,}")  # shorter ones are their own stems


def _text(word: str) -> str:
    if not word.isascii():
        return " ".join(_tokens_of_word(_fold_word(word)))
    runs = filter(str.isalpha, _long_ascii_runs().findall(word.lower()))
    stems = [_STEM_MARK + base for run in runs if (base := stem(run)) != run]
    return " ".join([word, *stems]) if stems else word


def _outside_text(word: str) -> str:
    return " ".join([OUTSIDE_MARK + token for token in _tokens_of_word(_fold_word(word))])


def _fold_word(word: str) -> str:
    """``fold`` where there is no white space."""
    return normalize("NFC", normalize("NFC", word).lower())


def _tokens_of_word(word: str) -> list[str]:
    """The tokens of a folded text without white space."""
    out: list[str] = []
    for cjk, other in _runs().findall(word):
        if other:
            base = stem(other)
            out += [other] if base == other else [other, _STEM_MARK + base]
        else:
            out += [cjk[i : i + 2] for i in range(len(cjk))]
            out += [_TRIPLE_MARK + cjk[i : i + 3] for i in range(len(cjk) - 2)]
    return out


def tag_token(tag: str) -> str:
    """The one index token that stands for a tag; tags that differ in ASCII punctuation alone share it."""
    return TAG_MARK + re.sub(_NOT_IN_TAG, "\ue001", fold(tag).strip())


_text_of, _outside_text_of, _tag_text_of = (_Texts(look).__getitem__ for look in (_text, _outside_text, tag_token))


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
            cut_before = start > 0 and _is_latin(text[start]) and _is_latin(text[start - 1])
            cut_after = end < len(text) and not end_is_open and _is_latin(text[end - 1]) and _is_latin(text[end])
            if cut_before or cut_after:
                at = start + 1
            else:
                yield start, end
                at = end

    @property
    def _is_open(self) -> bool:
        return self.prefix and _is_latin(self.text[-1])

    def uncut_variants(self) -> list[str]:
        """The variants that are found wherever their characters stand in a text, because no word can be cut there."""
        return [variant for variant in self.variants if all(letter == " " or _is_cjk(letter) for letter in variant)]

    def cut_variants(self) -> list[str]:
        """The variants that are found where their characters stand in lower case, and no word of ASCII is cut there."""
        if self.prefix:
            return []
        whole = self.uncut_variants()
        # A backslash is written otherwise in JSON, where it begins what stands for another character.
        others = (variant for variant in self.variants if variant not in whole and "\\" not in variant)
        return [each for each in others if all(letter.isascii() or _is_cjk(letter) for letter in each)]

    def needles(self) -> list[list[bytes]]:
        """Patterns such that every text with the term matches all of one list of them, if it is in NFC and UTF-8 and
        its ASCII letters are lowered.
        """
        if _base(self) is not None:
            start = commonprefix(self.variants)  # noqa: RUF071 - of words, not paths
            # The bytes of other letters are not lowered.
            return [[re.escape(part.encode()) for part in re.findall(_ASCII, start)]]
        return [_needles_of(variant) for variant in self.variants]

    def index_query(self) -> tuple[list[Tokens], bool]:
        """Tokens such that every text with the term has all of one list of them, and whether having them is enough.
        No list: the index cannot help, every text must be looked at.
        """
        base = _base(self)
        if base is not None:
            return [[(base, False)], [(_STEM_MARK + base, False)]], True
        variants = self.variants
        ways = [_tokens_of(variant, self._is_open) for variant in variants]
        whole = len(variants) == 1 and len({_kind(letter) for letter in variants[0]} - {None}) == 1
        enough = whole and len(ways[0]) == 1 and all(_kind(letter) is not None for letter in variants[0])
        return (ways, enough) if all(ways) else ([], False)


# What white space begins with in the UTF-8 of a JSON text, but for a blank: an escape, or one of the wider blanks.
_BLANK = b"[\\\\\xc2\xe1\xe2\xe3]"


def _needles_of(variant: str) -> list[bytes]:
    first, *others = _runs_in(variant)
    found = [re.escape(run.text.encode()) for run in (first, *others) if run.cjk or run.text.isascii()]
    after = first.start + len(first.text)
    if variant.startswith(" ", after) and (first.cjk or first.text.isascii()):
        # What has both words seldom has the one behind the other: that can be seen without a closer look. Behind one
        # blank comes the second word at once, or there is more white space.
        second = next((run.text for run in others if run.start == after + 1 and (run.cjk or run.text.isascii())), "")
        found[0] += b"(?: (?:%b| |%b)|%b)" % (re.escape(second.encode()), _BLANK, _BLANK)
    return found


def _base(term: Term) -> str | None:
    """The stem of a term that is a Latin word in any form."""
    if term.literal or term.prefix:
        return None
    first, *others = _runs_in(term.text)
    if first.cjk or first.start:
        return None
    alone = len(first.text) == len(term.text)
    if alone or (len(others) == 1 and term.text == first.text + others[0].text and particle(others[0].text)):
        return stem(first.text)
    return None


@lru_cache(maxsize=256)
def _variants(term: Term) -> tuple[str, ...]:
    base, text = _base(term), term.text
    if base is not None:
        return tuple(sorted(forms(base)))
    if term.literal or not all(map(_is_cjk, text)):
        return (text,)
    return _spaced(bare(text))


@lru_cache(maxsize=256)
def _has_latin_edge(variants: tuple[str, ...]) -> bool:
    return any(_is_latin(variant[0]) or _is_latin(variant[-1]) for variant in variants)


def _spaced(run: str) -> tuple[str, ...]:
    """주문번호 is also written 주문 번호."""
    places = range(2, len(run) - 1) if len(run) <= _LONGEST_SPACED else ()
    return (run, *(f"{run[:place]} {run[place:]}" for place in places))


_LONGEST_SPACED = 8


def _tokens_of(text: str, open_end: bool) -> Tokens:
    wanted: Tokens = []
    for run in _runs_in(text):
        at_end = run.start + len(run.text) == len(text)
        wanted.extend(_run_tokens(run.text, run.cjk, open_end and at_end))
    return wanted


@lru_cache(maxsize=256)
def _pattern(variants: tuple[str, ...], space: str, flags: int) -> re.Pattern[str]:
    # Longest first: of two forms of a word that begin alike, the shorter one would cut the longer.
    longest_first = sorted(variants, key=len, reverse=True)
    return re.compile("|".join(re.escape(variant).replace(r"\ ", space) for variant in longest_first), flags)


def _run_tokens(run: str, cjk: bool, open_end: bool) -> Tokens:
    if not cjk:
        return [(run, open_end)]
    if len(run) == 1:
        return [(run, True)]
    if len(run) == 2:
        return [(run, False)]
    return [(_TRIPLE_MARK + run[i : i + 3], False) for i in range(len(run) - 2)]


_QUERY_PARTS = r'"([^"]*)"?|(\S+)'


def parse_terms(query: str) -> list[Term]:
    """The terms of what a user typed: words, literal ``"phrases"``, a trailing ``*`` for a prefix.

    Parts without a single letter or digit (a lone ``-``) ask for nothing and are left out.
    """
    terms = []
    for phrase, word in re.findall(_QUERY_PARTS, normalize("NFC", query)):
        text = fold(phrase or word).strip()
        prefix = not phrase and len(text) > 1 and text.endswith("*")
        if prefix:
            text = text.rstrip("*")
        if any(_runs_in(text)):
            terms.append(Term(text, prefix, bool(phrase)))
    return terms


def first_match(text: str, terms: Iterable[Term]) -> tuple[int, int] | None:
    """The span of the leftmost occurrence of any term in an NFC text, or None."""
    spans = [span for term in terms for span in islice(term.spans(text), 1)]
    return min(spans, default=None)
