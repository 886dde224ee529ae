"""Which sentences make the best summary that fits? A greedy knapsack over bullets."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Sequence
from heapq import heapify, heappop, heappush, heapreplace
from itertools import count
from math import log
from operator import attrgetter, mul

from ion_summary.summarizers import weights
from ion_summary.summarizers.bullets import ARROW, Bullet
from ion_summary.summarizers.candidates import BIT, Sentence
from ion_summary.summarizers.vocabulary import SAID, WORTH

MOST_REPLIES = 2  # turns that may follow the first in one bullet
_MARKS = 4  # "- " and ": "
EXACT_BITS = BIT["fact"] | BIT["code"]


class Limits(namedtuple("Limits", "bullets chars line")):
    """The hard limits: lines, characters of all with their newlines, characters of one line."""

    __slots__ = ()


class Frame(namedtuple("Frame", "limits labels")):
    """Into what a summary must fit: what the price of a sentence depends on besides the sentence itself."""

    __slots__ = ()


def select(pool: Sequence[Sentence], frame: Frame, last_turn: int) -> list[Bullet]:
    """The bullets, in the order of the conversation, their sentences in order.

    Takes again and again the sentence with the highest score that fits: its worth (terms that are not in the summary
    yet, times its factor) by its length. ``pool`` is in order, every sentence at its ``place``; one without text is
    passed over.
    """
    return _Selection(pool, frame, last_turn).run() if pool else []


_numbers = count(1)  # of summaries, to mark the terms that are said in one
_LOOKED_AT = 20  # sentences; and at least two for each bullet


class _Selection:
    """A lazy greedy choice: what is said already makes the others worth less, never more, so that a score which was
    right some sentences ago is a bound, and only the sentence with the highest bound is scored again (Minoux 1978).
    """

    def __init__(self, pool: Sequence[Sentence], frame: Frame, last_turn: int) -> None:
        self.pool = pool
        self.limits = limits = frame.limits
        self.label = {speaker: len(label) for speaker, label in frame.labels.items()}
        self.named = len(self.label) > 2
        self.bullets: dict[int, Bullet] = {}  # by every turn in them
        self.chosen: list[Bullet] = []
        self.room = limits.chars + 1  # the first line has no newline before it
        self.offered = bytearray(len(pool))
        self.turns = [sentence.turn for sentence in pool]
        self.beside: set[int] = set()  # the turns in the summary and those next to them
        self.fresh: list[float] = [sentence.fresh for sentence in pool]
        self.scale = self._prices()
        for place in range(len(pool) - 1, -1, -1):
            if self.turns[place] < last_turn - 1:
                break
            self.scale[place] *= weights.CLOSING
        score = list(map(mul, self.fresh, self.scale))
        most = max(_LOOKED_AT, 2 * limits.bullets)
        least = sorted(score)[-most] if len(pool) > most else 0.0
        self.score = [one if one >= least else 0.0 for one in score]  # a bound of each that is in the heap, else 0
        self.heap = [(-one, place) for place, one in enumerate(self.score) if one]
        heapify(self.heap)

    def _prices(self) -> list[float]:
        prices = [sentence.price for sentence in self.pool]
        if 0.0 in prices:
            power, exact = length_power(self.limits), exactness(self.limits)
            for place in range(prices.index(0.0), len(prices)):
                sentence = self.pool[place]
                if not sentence.price and sentence.text:
                    length = len(sentence.text) + weights.PADDING + self.label[sentence.speaker]
                    price = sentence.factor / length**power
                    prices[place] = sentence.price = price * exact if sentence.features & EXACT_BITS else price
        return prices

    def run(self) -> list[Bullet]:
        pool, heap, score, fresh, scale = self.pool, self.heap, self.score, self.fresh, self.scale
        number = next(_numbers)
        less = 1.0 - weights.REPEATED
        known = [0] * len(pool)  # how many had been taken when a score was right
        taken = 0
        while heap:
            best, place = heap[0]
            if best != -score[place]:
                heappop(heap)
                continue
            sentence = pool[place]
            if known[place] != taken:
                known[place] = taken
                repeated = 0
                for term in sentence.terms:
                    if term[SAID] == number:
                        repeated += term[WORTH]
                if repeated:
                    fresh[place] = worth = sentence.fresh - less * repeated
                    worth *= scale[place]
                    if worth != -best:
                        score[place] = worth
                        heapreplace(heap, (-worth, place))
                        continue
            heappop(heap)
            score[place] = 0.0
            if len(sentence.text) < self.room and self._take(sentence):
                for term in sentence.terms:
                    term[SAID] = number
                taken += 1
        return self._finished()

    def _finished(self) -> list[Bullet]:
        self.chosen.sort(key=_head)
        for bullet in self.chosen:
            if len(bullet.sentences) > 1:
                bullet.sentences.sort(key=_order)
        return self.chosen

    def _take(self, sentence: Sentence) -> bool:
        """Puts the sentence into the summary, if it fits."""
        need, bullet = self._place(sentence)
        if need > self.room:
            return False
        turn = sentence.turn
        if bullet is not None:
            bullet.take(sentence, need)
        elif len(self.chosen) < self.limits.bullets and need <= self.limits.line + 1:
            bullet = Bullet(sentence, need - 1)
            self.chosen.append(bullet)
        else:
            return False
        self.room -= need
        self.scale[sentence.place] = 0.0
        if turn not in self.bullets:
            self.bullets[turn] = bullet
            self._offer_neighbours(sentence)
            if len(self.chosen) == self.limits.bullets and len(bullet.sentences) == 1:
                self._close()
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

    def _close(self) -> None:
        """With as many bullets as there may be, only what stands beside them can still be taken."""
        beside = self.beside
        score = self.score
        for place, turn in enumerate(self.turns):
            if turn not in beside:
                score[place] = 0.0
        self.heap[:] = [(-one, place) for place, one in enumerate(score) if one]
        heapify(self.heap)

    def _offer_neighbours(self, sentence: Sentence) -> None:
        """What stands beside a chosen sentence may join its bullet: it is looked at again, at a better price."""
        turn, low, high = sentence.turn, sentence.place, sentence.place + 1
        self.beside.update((turn - 1, turn, turn + 1))
        pool, score, scale, offered, turns = self.pool, self.score, self.scale, self.offered, self.turns
        while low and turns[low - 1] >= turn - 1:
            low -= 1
        while high < len(turns) and turns[high] <= turn + 1:
            high += 1
        for near in range(low, high):
            if scale[near]:
                if not offered[near]:
                    offered[near] = 1
                    scale[near] *= weights.JOIN
                bound = self.fresh[near] * scale[near]
                if bound != score[near] and len(pool[near].text) < self.room:
                    score[near] = bound
                    heappush(self.heap, (-bound, near))


_head = attrgetter("head")
_order = attrgetter("order")


def length_power(limits: Limits) -> float:
    """To which power a sentence's length divides its worth: the more room there is for a bullet, the lower."""
    room = min(limits.chars, 10_000) / min(limits.bullets, 1_000)
    return max(0.3, weights.LENGTH - weights.SLACK * log(room / 60))


def exactness(limits: Limits) -> float:
    """What an exact value or a command multiplies by: in a tight room the subject comes first."""
    roomy: float = weights.EXACT ** min(1.0, max(0.0, (min(limits.chars, 1_000) - 200) / 400))
    return roomy
