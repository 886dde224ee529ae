"""In which texts of a record are words looked for, and does it have all that a query asks for?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from ion_summary.text.tokens import Term, fold


def tags_of(record: Mapping[str, Any]) -> list[str]:
    """The tags of a decoded record line, whatever an adopted store may hold in their place."""
    metadata = record.get("metadata")
    tags = metadata.get("tags") if isinstance(metadata, dict) else None
    return [tag for tag in tags if isinstance(tag, str)] if isinstance(tags, list) else []


def searchable(record: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The texts in which ``search TEXT`` looks (summary, title, tags) and the tags that ``--tag`` asks for."""
    tags = tags_of(record)
    metadata = record.get("metadata")
    title = metadata.get("title") if isinstance(metadata, dict) else None
    texts = [record["summary"], *tags]
    if isinstance(title, str):
        texts.insert(1, title)
    return texts, tags


def folded(texts: Iterable[str]) -> str:
    """The texts in one, so that no term can occur across the border of two."""
    return "\n".join(map(fold, texts))


def has_all(text: str, terms: Sequence[Term]) -> bool:
    """Whether every term occurs in a text that ``folded`` made."""
    return all(term.occurs_in(text) for term in terms)


def has_tag(tags: Iterable[str], wanted: str) -> bool:
    """Whether one of the tags is the wanted one, in any case and form."""
    form = fold(wanted).strip()
    return any(fold(tag).strip() == form for tag in tags)


_SUMMARY = b',"summary":"'  # no member's text holds these: a quote in it is escaped
_AFTER_SUMMARY = b'","summary_type":"'


class Probe(NamedTuple):
    """What the bytes of a line of ours (NFC, UTF-8, not escaped) say of a term, without parsing them.

    ``sure``: bytes that, anywhere in the summary, are the term. ``words``: bytes that are it if no word is cut, and
    ``needles``: patterns of which a line with the term matches all of one list; both of a line whose ASCII letters are
    lowered. ``lower`` if needles have such letters.
    """

    sure: list[bytes]
    words: list[bytes]
    needles: list[list[re.Pattern[bytes]]]
    lower: bool

    def is_in(self, data: bytes | bytearray, start: int, end: int) -> bool:
        """Whether the term surely stands in a part of the text of a summary."""
        for each in self.sure:
            if data.find(each, start, end) >= 0:
                return True
        if not self.words:
            return False
        text = data[start:end].lower()
        return any(_is_uncut(text, word) for word in self.words)

    def may_be_in(self, data: bytes | bytearray) -> bool:
        """Whether some lines of ours may hold the term."""
        data = data.lower() if self.lower else data
        return any(all(needle.search(data) for needle in way) for way in self.needles)


# Beside these bytes no word goes on. In front of one stands perhaps an escape, which ends in a letter or in a backslash
# that is none; that, and what is not ASCII, is left to a closer look.
_BEHIND = frozenset(range(128)) - frozenset(b"_0123456789abcdefghijklmnopqrstuvwxyz")
_BEFORE = _BEHIND - frozenset(b"\\")


def _is_uncut(text: bytes | bytearray, word: bytes) -> bool:
    """Whether a word stands in a text that has quotes around it, and no word of ASCII letters is cut there."""
    at = text.find(word, 1, len(text) - 1)
    while at >= 0:
        end = at + len(word)
        if (word[0] > 127 or text[at - 1] in _BEFORE) and (word[-1] > 127 or text[end] in _BEHIND):
            return True
        at = text.find(word, end, len(text) - 1)
    return False


def probes(terms: Iterable[Term]) -> list[Probe]:
    """A probe for each term."""
    found = []
    for term in terms:
        needles = [list(map(re.compile, way)) for way in term.needles()]
        lower = any(needle.pattern != needle.pattern.upper() for way in needles for needle in way)
        sure, words = ([each.encode() for each in some] for some in (term.uncut_variants(), term.cut_variants()))
        found.append(Probe(sure, words, needles, lower))
    return found


def verdict(data: bytes | bytearray, start: int, end: int, wanted: Sequence[Probe]) -> bool | None:
    """Whether the line of ours from ``start`` to ``end`` holds all that is wanted; None if one must look closer."""
    summary = data.find(_SUMMARY, start, end)
    after = data.find(_AFTER_SUMMARY, summary, end)
    if summary < 0 or after < 0:
        return None
    found: bool | None = True
    for probe in wanted:
        if not probe.is_in(data, summary + len(_SUMMARY) - 1, after + 1):
            if not probe.may_be_in(data[start:end]):
                return False
            found = None
    return found
