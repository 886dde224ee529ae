"""In which texts of a record are words looked for, and does it have all that a query asks for?"""

from __future__ import annotations

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

    ``sure``: bytes that, anywhere in the summary, are the term. ``needles``: bytes that a line with the term has all of
    one list of, if its ASCII letters are lowered; ``lower`` if there are such letters.
    """

    sure: list[bytes]
    needles: list[list[bytes]]
    lower: bool

    def verdict(self, line: bytes, start: int, end: int) -> bool | None:
        """Whether the term is in a line whose summary goes from ``start`` to ``end``; None if one must look closer."""
        if any(line.find(each, start, end) >= 0 for each in self.sure):
            return True
        return None if self.may_be_in(line) else False

    def may_be_in(self, data: bytes) -> bool:
        """Whether some lines of ours may hold the term."""
        data = data.lower() if self.lower else data
        return any(all(needle in data for needle in way) for way in self.needles)


def probes(terms: Iterable[Term]) -> list[Probe]:
    """A probe for each term."""
    found = []
    for term in terms:
        needles = term.needles()
        lower = any(needle != needle.upper() for way in needles for needle in way)
        found.append(Probe([variant.encode() for variant in term.uncut_variants()], needles, lower))
    return found


def verdict(line: bytes, wanted: Sequence[Probe]) -> bool | None:
    """Whether a line of ours holds all that is wanted; None if it must be parsed to know."""
    start = line.find(_SUMMARY)
    end = line.find(_AFTER_SUMMARY, start)
    if start < 0 or end < 0:
        return None
    found: bool | None = True
    for probe in wanted:
        one = probe.verdict(line, start + len(_SUMMARY), end)
        if one is False:
            return False
        found = found and one
    return found
