"""What were the main points of a conversation, without any model? The front of the rule summarizer.

``summarize`` takes a whole session, ``RunningSummary`` follows one as it grows, and ``digest_session`` gives ``ingest``
summary and tags at once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Any

from ion_summary.errors import UsageError
from ion_summary.model import Message

AnyMessage = Message | Mapping[str, Any]

_SENTENCE = re.compile(r"(?<=[.!?。？！…])\s+|\n+")
_WORD = re.compile(r"[^\W_]+")
_GREETING = re.compile(
    r"(?i)^(안녕(?:하세요|하십니까)?|감사합니다|고맙습니다|네|예|hi|hello|thanks|thank you|ok(ay)?|sure|yes)[\s!.~,]*$"
)
_ROLES = {
    "user": "U", "customer": "U", "human": "U", "고객": "U", "사용자": "U",
    "assistant": "A", "agent": "A", "ai": "A", "bot": "A", "상담원": "A", "상담사": "A", "system": "S", "tool": "T",
}  # fmt: skip


def summarize(messages: Iterable[AnyMessage], max_bullets: int = 8, max_chars: int = 800) -> str:
    """The session's main points as lines ``- U: …``, at most ``max_bullets`` of them and ``max_chars`` characters."""
    running = RunningSummary()
    for message in messages:
        running.add(message)
    return running.summary(max_bullets, max_chars)


def digest_session(messages: Iterable[AnyMessage], max_bullets: int = 8, max_chars: int = 800) -> tuple[str, list[str]]:
    """``(summary, tags)`` of one session: the one call that ``ingest`` makes in bulk."""
    running = RunningSummary()
    for message in messages:
        running.add(message)
    return running.summary(max_bullets, max_chars), running.tags()


class RunningSummary:
    """The summary of a conversation that is still going on."""

    def __init__(self) -> None:
        self._sentences: list[tuple[int, str, str]] = []
        self._counts: dict[str, int] = {}
        self._messages = 0

    def add(self, message: AnyMessage) -> None:
        """Takes account of the next message."""
        label, text = _read(message)
        for sentence in _SENTENCE.split(text):
            sentence = " ".join(sentence.split())
            if sentence:
                self._sentences.append((self._messages, label, sentence))
                for word in _WORD.findall(sentence.lower()):
                    self._counts[word] = self._counts.get(word, 0) + 1
        self._messages += 1

    def summary(self, max_bullets: int = 6, max_chars: int = 600) -> str:
        """The main points so far, in the order of the conversation."""
        for name, value in (("max_bullets", max_bullets), ("max_chars", max_chars)):
            if isinstance(value, bool) or not isinstance(value, int) or value < 1:
                raise UsageError(reason=f"{name} is {value!r}", accepted=f"{name} is a whole number from 1")
        kept: dict[int, str] = {}
        seen: set[str] = set()
        room = max_chars
        order = sorted(range(len(self._sentences)), key=lambda i: (-self._score(self._sentences[i][2]), i))
        for i in order:
            _, label, sentence = self._sentences[i]
            line = f"- {label}: {sentence}"
            empty_talk = bool(kept) and _GREETING.match(sentence)
            if empty_talk or sentence in seen or len(kept) == max_bullets or len(line) + (1 if kept else 0) > room:
                continue
            seen.add(sentence)
            room -= len(line) + (1 if kept else 0)
            kept[i] = line
        if not kept and self._sentences:
            _, label, sentence = self._sentences[order[0]]
            return f"- {label}: {sentence}"[: max_chars - 1] + "…"
        return "\n".join(kept[i] for i in sorted(kept))

    def _score(self, sentence: str) -> float:
        if _GREETING.match(sentence):
            return 0.0
        words = set(_WORD.findall(sentence.lower()))
        return float(sum(self._counts[word] for word in words if len(word) > 1) / (len(sentence) + 8) ** 0.72)

    def tags(self, limit: int = 5) -> list[str]:
        """The session's most frequent terms, most frequent first."""
        ranked = sorted(self._counts.items(), key=lambda item: (-item[1], item[0]))
        return [word for word, _ in ranked if len(word) > 2 and not word.isdigit()][:limit]

    def to_dict(self) -> dict[str, Any]:
        """The state as JSON values, for ``from_dict``."""
        return {
            "version": 1,
            "messages": self._messages,
            "sentences": [list(s) for s in self._sentences],
            "counts": dict(self._counts),
        }

    @classmethod
    def from_dict(cls, state: Mapping[str, Any]) -> RunningSummary:
        """The summary that ``to_dict`` described; it goes on as the original would have."""
        running = cls()
        running._messages = state["messages"]
        running._sentences = [(number, label, sentence) for number, label, sentence in state["sentences"]]
        running._counts = dict(state["counts"])
        return running


def _read(message: AnyMessage) -> tuple[str, str]:
    role: Any
    name: Any
    if isinstance(message, Message):
        role, name, content = message.role, message.name, message.content
    else:
        role, name, content = message.get("role"), message.get("name") or message.get("speaker"), message.get("content")
    speaker = str(name or role or "user")
    return _ROLES.get(speaker.lower(), speaker if name else "U"), "" if content is None else str(content)
