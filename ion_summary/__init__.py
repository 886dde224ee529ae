"""Turns piles of chat sessions into a memory that can be searched, in Korean and English.

The names below are the whole Python interface. Each is loaded when it is first asked for, so that importing the
package costs nothing.
"""

from __future__ import annotations

TYPE_CHECKING = False  # as in typing, whose import takes longer than all of this
if TYPE_CHECKING:
    from typing import Any

    from ion_summary.model import Message, Session, SessionSummary
    from ion_summary.operations.hybrid import HybridSummarizer, get_hybrid_summarizer
    from ion_summary.operations.session_storage import get_session_storage
    from ion_summary.store.storage import SessionSummaryStorage
    from ion_summary.summarizers.rule import RunningSummary, summarize

__all__ = [
    "HybridSummarizer",
    "Message",
    "RunningSummary",
    "Session",
    "SessionSummary",
    "SessionSummaryStorage",
    "get_hybrid_summarizer",
    "get_session_storage",
    "summarize",
]

_HOMES = {
    "HybridSummarizer": "operations.hybrid",
    "Message": "model",
    "RunningSummary": "summarizers.rule",
    "Session": "model",
    "SessionSummary": "model",
    "SessionSummaryStorage": "store.storage",
    "get_hybrid_summarizer": "operations.hybrid",
    "get_session_storage": "operations.session_storage",
    "summarize": "summarizers.rule",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from importlib import import_module

    value = getattr(import_module(f"{__name__}.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted(__all__)
