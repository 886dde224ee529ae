"""What are the main points right now, where all messages of a conversation are given again at every turn?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from ion_summary.summarizers import speakers
from ion_summary.summarizers.bullets import ARROW, OPEN_MARKS
from ion_summary.summarizers.running import RunningSummary

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

    from ion_summary.summarizers.running import AnyMessage

_LABELLED = r"([^\s:：→][^:：→\n]{0,23}): (?=\S)"
_ROLES = {"U": "user", "A": "assistant", "S": "system", "T": "tool"}
_NOBODY = "…"  # is shown as the speaker of a line that names none


def realtime_summary(
    messages: Sequence[AnyMessage],
    running_summary: str | RunningSummary | None = None,
    max_bullets: int = 6,
    max_chars: int = 600,
    per_line_max: int = 120,
) -> str:
    """The main points of a conversation that goes on, as lines ``- U: …``.

    Args:
        messages: all messages so far; with a text as ``running_summary``, only those that it does not cover.
        running_summary: a ``RunningSummary`` kept from turn to turn, which takes only what is new in ``messages`` (so
            that a turn costs the same however long the conversation is), and begins anew where they are not the
            conversation it knows; or the text of a summary of earlier messages that are no longer given, whose lines
            compete with what was said since, as its first messages; or None.
        max_bullets: lines, at most.
        max_chars: characters in all, newlines included, at most.
        per_line_max: characters of each line, at most.

    Raises:
        UsageError: a limit is no whole number from 1.
    """
    if isinstance(running_summary, RunningSummary):
        running_summary.follow(messages)
        return running_summary.summary(max_bullets, max_chars, per_line_max)
    running = RunningSummary()
    for said in _earlier(running_summary or "", messages):
        running.add(said)
    for message in messages:
        running.add(message)
    return running.summary(max_bullets, max_chars, per_line_max)


def _earlier(summary: str, messages: Iterable[AnyMessage]) -> Iterator[dict[str, Any]]:
    """The lines of a summary as messages of those who are named in them."""
    lines = [text for line in summary.splitlines() if (text := line.strip().removeprefix("-").lstrip("•* "))]
    if not all(re.match(_LABELLED, line) for line in lines):  # not written here: it says of its own accord who did what
        yield from ({"name": _NOBODY, "content": line} for line in lines)
        return
    roles: dict[str, dict[str, Any]] = {name: {"role": role} for name, role in _ROLES.items()}
    for side, name, _ in map(speakers.read, messages):
        roles.setdefault(speakers.short_name(name), {"role": _ROLES.get(side, ""), "name": name})
    for line in lines:
        speaker = ""
        for part in line.split(ARROW):
            for mark in OPEN_MARKS:
                part = part.removesuffix(mark)
            label = re.match(_LABELLED, part)
            if label is not None:
                speaker, part = label[1], part[label.end() :]
            else:  # only where more than two talk, a reply is labelled
                speaker = {"U": "A", "A": "U"}.get(speaker, _NOBODY)
            yield {**roles.get(speaker, {"name": speaker}), "content": part}
