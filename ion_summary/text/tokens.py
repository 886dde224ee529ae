"""Which words does a text hold for search?

Of a run of CJK characters every adjacent pair, every three in a row (marked), and its last character alone (so that a
single syllable is a prefix of some token wherever it stands); of any other run of word characters the run itself and,
if it is another, its stem (marked). What a query asks for is said in the same tokens by ``terms``.
"""

from __future__ import annotations

import re
from bisect import bisect_right
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cache
from itertools import groupby
from typing import NamedTuple
from unicodedata import normalize

from ion_summary.text.inflection import stem

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


def is_cjk(character: str) -> bool:
    """Whether a character is of a script whose words are not reliably set off by spaces."""
    # Between the first and the last of a range an odd number of ends lies behind; the first itself is in, too.
    return bisect_right(_RANGES, character) % 2 == 1 or character in _RANGES[1::2]


class _Run(NamedTuple):
    """A run of word characters that are all CJK or all not."""

    start: int
    text: str
    cjk: bool


def runs_in(query: str) -> Iterator[_Run]:
    """What ``_runs`` finds, without compiling it: for texts as short as queries that is the quicker way."""
    start = 0
    for cjk, characters in groupby(query, kind):
        text = "".join(characters)
        if cjk is not None:
            yield _Run(start, text, cjk)
        start += len(text)


def kind(character: str) -> bool | None:
    """Whether a word character is CJK; None for all others."""
    if character < _RANGES[0]:
        return False if character.isalnum() or character == "_" else None
    return is_cjk(character) if character.isalnum() or is_cjk(character) else None


def is_latin(character: str) -> bool:
    """Whether it is a word character of any other script."""
    return kind(character) is False


#: Marks tell kinds of tokens apart. They are private-use characters, which are in no run of word characters.
#: A tag is one token, whatever it consists of.
TAG_MARK = "\ue000"
TRIPLE_MARK = "\ue002"
STEM_MARK = "\ue003"
#: Title and tags say what a session is about: their tokens are there once more, for what is to come first.
OUTSIDE_MARK = "\ue004"
#: Whose session it is: a hash, behind a mark.
USER_MARK = "\ue005"
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
    stems = [STEM_MARK + base for run in runs if (base := stem(run)) != run]
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
            out += [other] if base == other else [other, STEM_MARK + base]
        else:
            out += [cjk[i : i + 2] for i in range(len(cjk))]
            out += [TRIPLE_MARK + cjk[i : i + 3] for i in range(len(cjk) - 2)]
    return out


def tag_token(tag: str) -> str:
    """The one index token that stands for a tag; tags that differ in ASCII punctuation alone share it."""
    return TAG_MARK + re.sub(_NOT_IN_TAG, "\ue001", fold(tag).strip())


_text_of, _outside_text_of, _tag_text_of = (_Texts(look).__getitem__ for look in (_text, _outside_text, tag_token))
