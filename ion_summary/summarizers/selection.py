"""Which sentences make the best summary that fits? A greedy knapsack over bullets."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from math import log
from typing import NamedTuple

from ion_summary.summarizers import weights
from ion_summary.summarizers.bullets import ARROW, Bullet
from ion_summary.summarizers.candidates import Sentence
from ion_summary.summarizers.speakers import Speaker

MOST_REPLIES = 2  # turns that may follow the first in one bullet
_MARKS = 4  # "- " and ": "


class Limits(NamedTuple):
    """The hard limits: lines, characters of all with their newlines, characters of one line."""

    bullets: int
    chars: int
    line: int


def select(
    pool: Sequence[Sentence],
    worth: Mapping[str, float],
    labels: Mapping[Speaker, str],
    limits: Limits,
    last_turn: int,
) -> list[Bullet]:
    """The bullets, in the order of the conversation, their sentences in order.

    Takes again and again the sentence with the highest score that fits: its worth (terms that are not in the summary
    yet, times its factor) by its length. ``pool`` is in order; ``worth`` is that of each term.
    """
    return _Selection(pool, worth, labels, limits, last_turn).run()


class _Selection:
    def __init__(
        self,
        pool: Sequence[Sentence],
        worth: Mapping[str, float],
        labels: Mapping[Speaker, str],
        limits: Limits,
        last_turn: int,
    ) -> None:
        self.pool = pool
        self.worth = worth
        self.limits = limits
        self.label = {speaker: len(label) for speaker, label in labels.items()}
        self.named = len(labels) > 2
        self.bullets: dict[int, Bullet] = {}  # by every turn in them
        self.count = 0
        self.room = limits.chars + 1  # the first line has no newline before it
        self.covered: set[str] = set()
        self.changes = 0
        self.done = bytearray(len(pool))
        power = length_power(limits)
        closing = last_turn - 1
        self.scale = [
            (s.factor * weights.CLOSING if s.turn >= closing else s.factor)
            / (len(s.text) + weights.PADDING + self.label[s.speaker]) ** power
            for s in pool
        ]

    def run(self) -> list[Bullet]:
        value, power, base = self.worth.__getitem__, weights.POWER, weights.BASE
        heap = [
            (-((base + sum(map(value, s.terms))) ** power) * scale, place, 0, False)
            for place, (s, scale) in enumerate(zip(self.pool, self.scale, strict=True))
        ]
        heapify(heap)
        while heap:
            _, place, seen, joins = heap[0]
            if self.done[place]:
                heappop(heap)
            elif seen != self.changes:
                heapreplace(heap, (self._score(place, joins), place, self.changes, joins))
            else:
                heappop(heap)
                if self._take(place):
                    self._offer_neighbours(place, heap)
        chosen = sorted({id(bullet): bullet for bullet in self.bullets.values()}.values(), key=lambda b: b.head)
        for bullet in chosen:
            bullet.sentences.sort(key=lambda s: s.order)
        return chosen

    def _score(self, place: int, joins: bool) -> float:
        worth, covered = self.worth, self.covered
        fresh = weights.BASE
        for term in self.pool[place].terms:
            fresh += worth[term] * weights.REPEATED if term in covered else worth[term]
        score: float = -(fresh**weights.POWER) * self.scale[place]
        return score * weights.JOIN if joins else score

    def _take(self, place: int) -> bool:
        """Puts the sentence into the summary, if it fits."""
        sentence = self.pool[place]
        need, bullet = self._place(sentence)
        if need > self.room:
            return False
        if bullet is None:
            if self.count >= self.limits.bullets or need > self.limits.line + 1:
                return False
            self.count += 1
            bullet = Bullet(sentence, need - 1)
        else:
            bullet.take(sentence, need)
        self.bullets[sentence.turn] = bullet
        self.done[place] = 1
        self.room -= need
        if not self.covered.issuperset(sentence.terms):
            self.covered.update(sentence.terms)
            self.changes += 1
        return True

    def _place(self, sentence: Sentence) -> tuple[int, Bullet | None]:
        """``(characters needed, the bullet it joins)``; None for a bullet of its own."""
        turn, length, line = sentence.turn, len(sentence.text), self.limits.line
        bullet = self.bullets.get(turn)
        if bullet is not None:
            if bullet.length + length + 1 <= line:
                return length + 1, bullet
            return self.limits.chars + 2, None  # one turn is never split over two bullets
        label = self.label[sentence.speaker]
        need = length + len(ARROW) + (label + 2 if self.named else 0)
        before = self.bullets.get(turn - 1)
        if (
            before is not None
            and before.tail - before.head < MOST_REPLIES
            and before.last != sentence.speaker
            and before.length + need <= line
        ):
            return need, before
        after = self.bullets.get(turn + 1)
        if after is not None and after.tail - after.head < MOST_REPLIES and after.first != sentence.speaker:
            # The label moves to the new head; with names, the old head keeps its own behind the arrow.
            need = length + len(ARROW) + label + (2 if self.named else -self.label[after.first])
            if after.length + need <= line:
                return need, after
        return length + _MARKS + label + 1, None

    def _offer_neighbours(self, place: int, heap: list[tuple[float, int, int, bool]]) -> None:
        """What stands beside a chosen sentence may now join its bullet: it is looked at again, at a better price."""
        turn = self.pool[place].turn
        for step in (-1, 1):
            near = place + step
            while 0 <= near < len(self.pool) and abs(self.pool[near].turn - turn) <= 1:
                if not self.done[near]:
                    heappush(heap, (-1e9, near, -1, True))
                near += step


def length_power(limits: Limits) -> float:
    """To which power a sentence's length divides its worth: the more room there is for a bullet, the lower."""
    return weights.LENGTH - weights.SLACK * log(limits.chars / limits.bullets / 60)
