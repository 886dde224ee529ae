"""In which texts of a record are words looked for, and does it have all that a query asks for?"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from ion_summary.text.terms import Term
from ion_summary.text.tokens import fold


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
