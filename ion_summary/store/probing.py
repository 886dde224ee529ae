"""What do the bytes of a line of ours say of the words that are looked for, without parsing them?

Lines of ours are JSON in NFC and UTF-8 in which nothing is escaped but quotes, backslashes and control characters.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from itertools import groupby
from os.path import commonprefix
from typing import NamedTuple
from unicodedata import category

from ion_summary.text.terms import Term
from ion_summary.text.tokens import is_cjk

_SUMMARY = b',"summary":"'  # no member's text holds these: a quote in it is escaped
_AFTER_SUMMARY = b'","summary_type":"'
# What white space begins with in the UTF-8 of a JSON text, but for a blank: an escape, or one of the wider blanks.
_BLANK = b"[\\\\\xc2\xe1\xe2\xe3]"


class Probe(NamedTuple):
    """What is looked for of one term.

    ``pattern``: what every line with the term matches. ``sure``: bytes that, anywhere in the summary, are the term;
    ``words``: bytes that are it if no word is cut. With ``lower``, all of a line whose ASCII letters are lowered.
    ``has_one_way`` if there is but one way to write the term.
    """

    pattern: re.Pattern[bytes]
    sure: list[bytes]
    words: list[bytes]
    lower: bool
    has_one_way: bool

    def is_in(self, data: bytes | bytearray, start: int, end: int) -> bool:
        """Whether the term surely stands in the text of a summary, which begins and ends with its quotes."""
        for each in self.sure:
            if data.find(each, start, end) >= 0:
                return True
        return bool(self.words) and any(_is_uncut(data, start, end, word) for word in self.words)

    def may_be_in(self, data: bytes | bytearray) -> bool:
        """Whether some lines may hold the term."""
        return self.pattern.search(data.lower() if self.lower else data) is not None


def probes(terms: Iterable[Term]) -> list[Probe]:
    """A probe for each term."""
    return list(map(_probe, terms))


def _probe(term: Term) -> Probe:
    variants = term.variants
    if len(variants) > 1 and not any(" " in variant for variant in variants):  # the forms of a word
        pattern = _pattern_of(commonprefix(variants))  # noqa: RUF071 - of words, not paths
    else:
        pattern = b"|".join(map(_pattern_of, variants))
    sure = [each for each in variants if all(letter == " " or is_cjk(letter) for letter in each)]
    # Of what may go on in the text, and of other letters than ASCII, more than the bytes must be looked at.
    others = () if term.prefix else (each for each in variants if each not in sure and all(map(_is_plain, each)))
    words = [each.encode() for each in others]
    lower = any(each != each.upper() for each in (pattern, *words))
    return Probe(re.compile(pattern), [each.encode() for each in sure], words, lower, len(sure) + len(words) == 1)


def _is_plain(letter: str) -> bool:
    """Whether a character of a folded text stands for itself in a line whose ASCII letters are lowered."""
    if letter.isascii():
        return letter.isprintable() and letter not in '"\\'
    return is_cjk(letter) or (category(letter)[0] == "S" and letter.upper() == letter)  # not ⓐ, which may be Ⓐ there


def _pattern_of(variant: str) -> bytes:
    """What every line with the variant matches: its longest plain part; behind white space that is not one blank,
    whatever follows.
    """
    parts = ("".join(letters).strip() for plain, letters in groupby(variant, _is_plain) if plain)
    *words, last = (re.escape(word.encode()) for word in max(parts, key=len, default="").split(" "))
    for word in reversed(words):
        last = b"%b(?: (?:%b| |%b)|%b)" % (word, last, _BLANK, _BLANK)
    return last


# Beside these bytes no word goes on. In front of one stands perhaps an escape, which ends in a letter or in a backslash
# that is none; that, and what is not ASCII, is left to a closer look.
# (Where only digits are looked for, capitals are not lowered.)
_BEHIND = frozenset(range(128)) - frozenset(b"_0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
_BEFORE = _BEHIND - frozenset(b"\\")


def _is_uncut(text: bytes | bytearray, first: int, last: int, word: bytes) -> bool:
    """Whether a word stands in a text that has quotes around it, and no word of ASCII letters is cut there."""
    at = text.find(word, first + 1, last - 1)
    while at >= 0:
        end = at + len(word)
        if (word[0] > 127 or text[at - 1] in _BEFORE) and (word[-1] > 127 or text[end] in _BEHIND):
            return True
        at = text.find(word, end, last - 1)
    return False


def verdict(data: bytes | bytearray, start: int, end: int, wanted: Sequence[Probe]) -> bool | None:
    """Whether the line of ours from ``start`` to ``end`` holds all that is wanted; None if one must look closer."""
    summary = data.find(_SUMMARY, start, end)
    if summary < 0:
        return None
    found, after = True, -1
    lowered = False
    for probe in wanted:
        if probe.lower and not lowered:
            data, summary, start, end = data[start:end].lower(), summary - start, 0, end - start
            lowered, after = True, -1
        # What is written in one way only is mostly there, once the index has let a line through; other terms mostly are
        # not. The quicker look comes first.
        if not probe.has_one_way and not probe.pattern.search(data, start, end):
            return False
        after = after if after >= 0 else data.find(_AFTER_SUMMARY, summary, end)
        if after < 0 or not probe.is_in(data, summary + len(_SUMMARY) - 1, after + 1):
            if probe.has_one_way and not probe.pattern.search(data, start, end):
                return False
            found = False
    return found or None
