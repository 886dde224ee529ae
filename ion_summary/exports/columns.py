"""Which columns has a table of records? The same in every format that has columns."""

from __future__ import annotations

from typing import Any

from ion_summary.model import SessionSummary

COLUMNS = (
    "session_id", "user_id", "created_at", "summary_type", "message_count", "summary_length", "title", "tags",
    "participants", "source", "model", "cost_usd", "summary",
)  # fmt: skip
_INTEGERS = ("message_count", "summary_length")


def values(record: SessionSummary) -> dict[str, Any]:
    """The values of ``COLUMNS``: texts, integers, one float (``cost_usd``) and two lists of texts (``tags``,
    ``participants``); None where the record says nothing, or not what belongs there.
    """
    metadata = record.metadata
    source = metadata.get("source")
    cost = metadata.get("cost_usd")
    return {
        "session_id": record.session_id,
        "user_id": record.user_id,
        "created_at": record.created_at,
        "summary_type": record.summary_type,
        **{name: number if isinstance(number := getattr(record, name), int) else None for name in _INTEGERS},
        "title": _text(metadata.get("title")),
        "tags": _texts(metadata.get("tags")),
        "participants": _texts(metadata.get("participants")),
        "source": _text(source.get("name") if isinstance(source, dict) else source),
        "model": _text(metadata.get("model")),
        "cost_usd": float(cost) if isinstance(cost, int | float) else None,
        "summary": record.summary,
    }


def _text(value: Any) -> str | None:
    return value if isinstance(value, str) else None


def _texts(value: Any) -> list[str]:
    return [each for each in value if isinstance(each, str)] if isinstance(value, list) else []
