"""What were the main points of a conversation, without any model? The front of the rule summarizer.

``summarize`` takes a whole session, ``RunningSummary`` follows one as it grows, ``realtime_summary`` serves those who
have all messages at every turn, ``digest_session`` gives ``ingest`` summary and tags at once, and ``explain`` says why
each sentence is in the summary or not.
"""

from __future__ import annotations

from collections.abc import Iterable

from ion_summary.summarizers.realtime import realtime_summary
from ion_summary.summarizers.running import RunningSummary

TYPE_CHECKING = False  # as in typing, which is not imported: it takes longer than the rest of this import
if TYPE_CHECKING:
    from ion_summary.summarizers.explain import Explained
    from ion_summary.summarizers.running import AnyMessage

__all__ = ["RunningSummary", "digest_session", "explain", "realtime_summary", "summarize"]


def summarize(messages: Iterable[AnyMessage], max_bullets: int = 8, max_chars: int = 800) -> str:
    """The session's main points as lines ``- U: …``, in the order of the conversation.

    At most ``max_bullets`` lines and ``max_chars`` characters, newlines included; "" only if nothing has been said.
    Raises ``UsageError`` for a limit that is no whole number from 1.
    """
    return _listen(messages).summary(max_bullets, max_chars)


def digest_session(messages: Iterable[AnyMessage], max_bullets: int = 8, max_chars: int = 800) -> tuple[str, list[str]]:
    """``(summary, tags)`` of one session: the one call that ``ingest`` makes in bulk."""
    running = _listen(messages)
    return running.summary(max_bullets, max_chars), running.tags()


def _listen(messages: Iterable[AnyMessage]) -> RunningSummary:
    running = RunningSummary()
    for message in messages:
        running.add(message)
    return running


def explain(messages: Iterable[AnyMessage], max_bullets: int = 8, max_chars: int = 800) -> list[Explained]:
    """Every sentence that could stand in the summary, in order, with its score by feature and whether it was chosen."""
    from ion_summary.summarizers.explain import explain as explained

    return explained(messages, max_bullets, max_chars)
