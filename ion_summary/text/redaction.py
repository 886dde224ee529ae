"""Which personal data stands in a conversation, and how does it leave the text and come back?

Found by form, in Korean and English texts: e-mail addresses, resident, social security, passport and licence numbers,
cards, bank accounts, telephones, network addresses, keys and passwords, dates of birth. Names and street addresses have
no form and stay. What is found becomes a mark such as ``[전화번호 1]``; the same text always gets the same mark, and
``restore`` puts it back. Nothing is kept but in the ``Redactor`` itself.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from unicodedata import normalize

from ion_summary.text.language import language
from ion_summary.text.personal_data import BETWEEN, LABELS, mark_pattern, spans

_LANGUAGES = ("ko", "en")
_LEAST_ELSEWHERE = 6  # characters of a datum that is recognised without what stood around it


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
        for start, end, kind in found:
            self._mark(whole[start:end], kind)
            digits = re.sub(r"[-. ]", "", whole[start:end])
            if digits.isdigit() and len(digits) >= _LEAST_ELSEWHERE and digits in whole:
                self._mark(digits, kind)  # the same number, written without its hyphens
        known = self._known()
        redacted: list[str] = []
        start = 0
        for text in given:
            redacted.append(self._replaced(whole, start, start + len(text), found, known))
            start += len(text) + len(BETWEEN)
        return redacted

    def _replaced(
        self, whole: str, start: int, end: int, found: list[tuple[int, int, str]], known: re.Pattern[str]
    ) -> str:
        """What stands from ``start`` to ``end``, with marks for what was found there and for what is known."""
        pieces: list[str] = []
        for first, last, _ in found:
            if start <= first and last <= end:
                pieces += self._marked(known, whole[start:first]), self._marks[whole[first:last]]
                start = last
        return "".join(pieces) + self._marked(known, whole[start:end])

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
        long = sorted((text for text in self._marks if len(text) >= _LEAST_ELSEWHERE), key=len, reverse=True)
        return re.compile("|".join(map(_bounded, long)) or r"(?!)")


def _bounded(text: str) -> str:
    """A pattern for ``text`` that does not match within a longer number or Latin word."""
    before = r"(?<![A-Za-z0-9０-９])" if re.match(r"[A-Za-z0-9０-９]", text) else ""
    after = r"(?![A-Za-z0-9０-９])" if re.search(r"[A-Za-z0-9０-９]\Z", text) else ""
    return before + re.escape(text) + after


def _plain(mark: str) -> str:
    """A mark as models may have changed it, in one spelling."""
    return re.sub(r"\s+", "", normalize("NFC", mark)).lower()
