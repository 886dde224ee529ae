"""How are conversations put together whose messages lie scattered through a file, in bounded memory?

The file is read twice: first only to learn which messages belong together and which is the last of each conversation,
then to collect them. A conversation leaves memory as soon as its last message has been read.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from ion_summary.model import Message

MAX_HELD = 32 << 20
"""Characters of all conversations that are open at once; beyond, the longest is delivered as far as it has come."""


@dataclass(slots=True)
class Collected:
    """The messages of conversation ``key``; ``part`` counts from 1 and is 1 unless it had to be divided."""

    key: str
    first: int
    messages: list[Message] = field(default_factory=list)
    size: int = 0
    part: int = 1


def collected(items: Iterable[tuple[int, str, list[Message]]], last: dict[str, int]) -> Iterator[Collected]:
    """The conversations of ``items`` (each a number, the key of its conversation, and what it says), each as soon as
    the item is read whose number is the key's in ``last``; at the end, what is left.
    """
    held: dict[str, Collected] = {}
    size = 0
    for number, key, messages in items:
        one = held.setdefault(key, Collected(key, number))
        added = sum(len(message.content) + 16 for message in messages)
        one.messages += messages
        one.size += added
        size += added
        if last.get(key) == number:
            size -= one.size
            yield held.pop(key)
        elif size > MAX_HELD:
            longest = max(held.values(), key=lambda each: each.size)
            size -= longest.size
            held[longest.key] = Collected(longest.key, number, part=longest.part + 1)
            yield longest
    yield from held.values()
