"""Is what a model has answered a summary of this session, and what of it may be kept?

The answer is text from outside: it is validated here, not by the client, cleaned like any other text, cut to what was
asked for, and kept only as far as it cites messages that exist.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from ion_summary.errors import UnusableAnswerError
from ion_summary.summarizers.bullets import cut
from ion_summary.summarizers.llm import Flag, LlmRequest
from ion_summary.summarizers.llm.unsupported import flags_of
from ion_summary.text.clean import one_line
from ion_summary.text.sentences import split_clauses, split_sentences
from ion_summary.text.tokens import fold

_TAGS, _TAG_CHARS = 6, 40
_LONGEST_ANSWER = 200_000  # characters: what is longer was not written for this request
_FENCE = re.compile(r"\s*```(?:json)?\s*\n(.*?)\n?\s*```\s*", re.DOTALL | re.IGNORECASE)
_LIST_MARK = re.compile(r"^(?:[-*•‣·]\s+|\d{1,2}[.)]\s+)+")
_LEAST_ROOM = 24  # characters of a bullet that is worth a line
_MARK = "- "


@dataclass(frozen=True, slots=True)
class Answer:
    """What is kept of an answer; the fields are those of ``LlmSummary``."""

    text: str
    tags: tuple[str, ...]
    evidence: tuple[tuple[int, ...], ...]
    flags: tuple[Flag, ...]
    language: str


@dataclass(frozen=True, slots=True)
class _Bullet:
    text: str
    cites: tuple[int, ...]


def check(answered: str, request: LlmRequest) -> Answer:
    """What of the model's ``answered`` text is a summary of ``request``.

    Raises UnusableAnswerError if it is not the JSON that was asked for, cites no message that exists, or has no word
    that fits into the characters wanted.
    """
    answer = _parsed(answered)
    bullets = _cited(answer["bullets"], len(request.messages))
    if not bullets:
        reason = "no bullet cites a message that exists" if answer["bullets"] else "the answer has no bullets"
        raise UnusableAnswerError(reason=reason)
    bullets = _fitted(bullets, request.max_bullets, request.max_chars)
    if not bullets:
        raise UnusableAnswerError(reason=f"nothing of the answer fits into {request.max_chars} characters")
    texts, evidence = [bullet.text for bullet in bullets], tuple(bullet.cites for bullet in bullets)
    flags = flags_of(texts, evidence, request.messages)
    lines = "\n".join(_MARK + text for text in texts)
    return Answer(lines, _tags(answer["tags"]), evidence, flags, request.language)


def _parsed(answered: str) -> dict[str, Any]:
    if len(answered) > _LONGEST_ANSWER:
        raise UnusableAnswerError(reason="the answer is far too long")
    fenced = _FENCE.fullmatch(answered)  # some models put a fence around what was to be JSON only
    answer = None
    # Raised outside of the block, the failure has no context: Python's own error holds the whole text.
    with suppress(ValueError, RecursionError):
        answer = json.loads(fenced[1] if fenced else answered)
    if not isinstance(answer, dict):
        wrong = "not JSON" if answer is None else "not a JSON object"
        raise UnusableAnswerError(reason=f"the answer is {wrong}")
    for name in ("bullets", "tags"):
        if not isinstance(answer.get(name), list):
            raise UnusableAnswerError(reason=f"{name} of the answer is not a list")
    return answer


def _cited(bullets: Sequence[Any], messages: int) -> list[_Bullet]:
    """The bullets that say something and rest on messages that exist."""
    kept: list[_Bullet] = []
    seen: set[str] = set()
    for bullet in bullets:
        if not isinstance(bullet, dict) or not isinstance(bullet.get("text"), str):
            continue
        text = _LIST_MARK.sub("", one_line(bullet["text"])).strip()
        cites = _numbers(bullet.get("messages"), messages)
        if cites and any(map(str.isalnum, text)) and (folded := fold(text)) not in seen:
            seen.add(folded)
            kept.append(_Bullet(text, cites))
    return kept


def _numbers(cited: Any, messages: int) -> tuple[int, ...]:
    """The message numbers that a bullet cites; none at all if one of them does not exist."""
    if not isinstance(cited, list):
        return ()
    # True is an int in Python, and 3.0 is not a number of a message.
    if any(not isinstance(number, int) or isinstance(number, bool) or not 1 <= number <= messages for number in cited):
        return ()
    return tuple(sorted(set(cited)))


def _tags(tags: Sequence[Any]) -> tuple[str, ...]:
    named = (one_line(tag).lstrip("#").strip() for tag in tags if isinstance(tag, str))
    kept = {fold(tag): tag for tag in reversed([tag for tag in named if tag and len(tag) <= _TAG_CHARS])}
    return tuple(reversed(kept.values()))[:_TAGS]


def _fitted(bullets: Sequence[_Bullet], max_bullets: int, max_chars: int) -> list[_Bullet]:
    """The bullets within the limits of the request. Whatever has to go, the last one says how it ended and stays."""
    kept = list(bullets)
    while len(kept) > max_bullets or (len(kept) > 1 and _length(kept, _LEAST_ROOM) > max_chars):
        del kept[-2 if len(kept) > 1 else 0]
    room = _room(kept, max_chars)
    shortened = [_Bullet(_shortened(bullet.text, room), bullet.cites) for bullet in kept]
    return [bullet for bullet in shortened if bullet.text]


def _length(bullets: Sequence[_Bullet], room: int) -> int:
    """Characters of all lines if no bullet is longer than ``room``, newlines between them included."""
    return sum(len(_MARK) + min(len(bullet.text), room) for bullet in bullets) + len(bullets) - 1


def _room(bullets: Sequence[_Bullet], max_chars: int) -> int:
    """The longest that a bullet may be so that all of them fit: short ones leave their room to long ones."""
    low, high = 0, max(len(bullet.text) for bullet in bullets)
    if _length(bullets, high) <= max_chars:
        return high
    while low < high:
        middle = (low + high + 1) // 2
        low, high = (middle, high) if _length(bullets, middle) <= max_chars else (low, middle - 1)
    return low


def _shortened(text: str, room: int) -> str:
    """``text`` in at most ``room`` characters: whole sentences if they fill half of it, else up to a clause or word."""
    if len(text) <= room:
        return text
    for pieces in (split_sentences(text), split_clauses(text, long=0)):
        kept = ""
        for piece in pieces:
            longer = f"{kept} {piece}" if kept else piece
            if len(longer) > room:
                break
            kept = longer
        if len(kept) * 2 >= room and pieces[0] != text:
            return kept
        break  # clauses are what cut looks for itself, and it marks what is missing
    return cut(text, room)
