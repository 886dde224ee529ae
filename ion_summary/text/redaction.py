"""Which personal data stands in a conversation, and how does it leave the text and come back?

Found by form, in Korean and English texts: e-mail addresses, resident, social security, passport and licence numbers,
cards, bank accounts, telephones, network addresses, keys and passwords, dates of birth. Names and street addresses have
no form and stay. What is found becomes a mark such as ``[전화번호 1]``; the same text always gets the same mark, and
``restore`` puts it back. Nothing is kept but in the ``Redactor`` itself.
"""

from __future__ import annotations

import re
from bisect import bisect_left
from collections.abc import Iterable
from unicodedata import normalize

from ion_summary.text.language import language
from ion_summary.text.personal_data import BETWEEN, LABELS, mark_pattern, spans

_LANGUAGES = ("ko", "en")
_LEAST_ELSEWHERE = 6  # characters of a datum that is recognised without what stood around it
_NUMBER = re.compile(r"\d+")
# Not within a longer number or Latin word.
_EDGE = "(?:(?<![A-Za-z0-9０-９])|(?![A-Za-z0-9０-９]))"


class Redactor:
    """Replaces personal data by marks and back, for the texts of one session and its summary.

    Marks that stand in a text already, written by whoever, are replaced too: nobody can have somebody else's number
    put into a summary by writing ``[PHONE 1]``. ``marked_in`` (``ko`` or ``en``) is the language of the marks; None
    means that in which most of the first texts with personal data are written.
    """

    def __init__(self, marked_in: str | None = None) -> None:
        self._marks: dict[str, str] = {}
        self._originals: dict[str, str] = {}
        self._counts: dict[str, int] = {}
        self._place: int | None = None if marked_in is None else _LANGUAGES.index(marked_in)

    @property
    def found(self) -> dict[str, int]:
        """How many different data of each kind were replaced, by the English label in lower case."""
        return {LABELS[kind][1].lower(): count for kind, count in self._counts.items() if kind != "mark"}

    def redact(self, texts: Iterable[str]) -> list[str]:
        """The texts with marks in place of personal data, numbered in the order in which they stand."""
        given = list(texts)
        whole = BETWEEN.join(given)
        found = sorted(spans(whole))
        if not found and not self._marks:
            return given
        if self._place is None:
            self._place = _LANGUAGES.index(language(whole))
        numbers = set(_NUMBER.findall(whole))
        for start, end, kind in found:
            self._mark(whole[start:end], kind)
            digits = re.sub(r"[-. ]", "", whole[start:end])
            if len(digits) >= _LEAST_ELSEWHERE and digits in numbers:
                self._mark(digits, kind)  # the same number, written without its hyphens
        known = self._known()
        redacted: list[str] = []
        start = 0
        for text in given:
            end = start + len(text)
            within = found[bisect_left(found, (start,)) : bisect_left(found, (end,))]
            redacted.append(self._replaced(whole[start:end], start, within, known))
            start = end + len(BETWEEN)
        return redacted

    def _replaced(self, text: str, place: int, found: list[tuple[int, int, str]], known: re.Pattern[str]) -> str:
        """``text``, which stands at ``place``, with marks for what was found there and for what is known."""
        pieces: list[str] = []
        done = 0
        for start, end, _ in found:
            pieces += self._marked(known, text[done : start - place]), self._marks[text[start - place : end - place]]
            done = end - place
        return "".join((*pieces, self._marked(known, text[done:])))

    def _marked(self, known: re.Pattern[str], text: str) -> str:
        # A number that is an account's after the word "account" is the same number without that word.
        return known.sub(lambda match: self._marks[match[0]], text)

    def restore(self, text: str) -> str:
        """``text`` with the data in place of its marks; marks that were never given stay."""
        return mark_pattern().sub(lambda match: self._originals.get(_plain(match[0]), match[0]), text)

    def _mark(self, text: str, kind: str) -> None:
        if text in self._marks:
            return
        assert self._place is not None
        self._counts[kind] = self._counts.get(kind, 0) + 1
        mark = f"[{LABELS[kind][self._place]} {self._counts[kind]}]"
        self._marks[text] = mark
        self._originals[_plain(mark)] = text

    def _known(self) -> re.Pattern[str]:
        """Matches what was found somewhere, wherever it stands; not what is so short that it may mean anything."""
        long = [text for text in self._marks if len(text) >= _LEAST_ELSEWHERE]
        return re.compile(f"{_EDGE}(?:{_any_of(long, _LEAST_ELSEWHERE)}){_EDGE}" if long else r"(?!)")


def _any_of(texts: list[str], shared: int) -> str:
    """A pattern for the longest of ``texts`` that stands there; each has ``shared`` characters, an even number.

    Two of those after two decide which text it can be, so that a thousand texts are found nearly as fast as ten.
    """
    if not shared:
        return "|".join(map(re.escape, sorted(texts, key=len, reverse=True)))
    begun: dict[str, list[str]] = {}
    for text in texts:
        begun.setdefault(text[:2], []).append(text[2:])
    return "|".join(f"{re.escape(head)}(?:{_any_of(rest, shared - 2)})" for head, rest in begun.items())


def _plain(mark: str) -> str:
    """A mark as models may have changed it, in one spelling."""
    return re.sub(r"\s+", "", normalize("NFC", mark)).lower()
