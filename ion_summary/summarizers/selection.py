"""Which sentences make the best summary that fits? A greedy knapsack over bullets."""

from __future__ import annotations

from collections import namedtuple
from collections.abc import Mapping, Sequence
from heapq import heapify, heappop, heappush, heapreplace
from math import log
from operator import mul

from ion_summary.summarizers import weights
from ion_summary.summarizers.bullets import ARROW, Bullet
from ion_summary.summarizers.candidates import BIT, Sentence
from ion_summary.summarizers.vocabulary import WORTH

TYPE_CHECKING = False
if TYPE_CHECKING:
    from ion_summary.summarizers.vocabulary import Term

MOST_REPLIES = 2  # turns that may follow the first in one bullet
_MARKS = 4  # "- " and ": "
EXACT_BITS = BIT["fact"] | BIT["code"]


class Limits(namedtuple("Limits", "bullets chars line")):
    """The hard limits: lines, characters of all with their newlines, characters of one line."""

    __slots__ = ()


class Frame(namedtuple("Frame", "limits labels")):
    """Into what a summary must fit: what the price of a sentence depends on besides the sentence itself."""

    __slots__ = ()


def select(pool: Sequence[Sentence], terms: Mapping[str, Term], frame: Frame, last_turn: int) -> list[Bullet]:
    """The bullets, in the order of the conversation, their sentences in order.

    Takes again and again the sentence with the highest score that fits: its worth (terms that are not in the summary
    yet, times its factor) by its length. ``pool`` is in order, every sentence at its ``place``; one without text is
    passed over.
    """
    return _Selection(pool, terms, frame, last_turn).run()


_LOOKED_AT = 20  # sentences; and at least two for each bullet


class _Selection:
    """A lazy greedy choice: what is said already makes the others worth less, never more, so that a score which was
    right some sentences ago is a bound, and only the sentence with the highest bound is scored again (Minoux 1978).
    """

    def __init__(self, pool: Sequence[Sentence], terms: Mapping[str, Term], frame: Frame, last_turn: int) -> None:
        self.pool = pool
        self.terms = terms
        self.limits = limits = frame.limits
        self.label = {speaker: len(label) for speaker, label in frame.labels.items()}
        self.named = len(self.label) > 2
        self.bullets: dict[int, Bullet] = {}  # by every turn in them
        self.count = 0
        self.room = limits.chars + 1  # the first line has no newline before it
        self.offered = bytearray(len(pool))
        self.beside: set[int] = set()  # the turns in the summary and those next to them
        self.said: dict[str, int] = {}  # the terms in the summary so far, with their worth
        self.fresh: list[float] = [s.fresh for s in pool]
        self.scale = [s.price for s in pool]
        if 0.0 in self.scale:
            self.scale = self._prices()
        for place in range(len(pool) - 1, -1, -1):
            if pool[place].turn < last_turn - 1:
                break
            self.scale[place] *= weights.CLOSING
        score = list(map(mul, self.fresh, self.scale))
        most = max(_LOOKED_AT, 2 * limits.bullets)
        least = sorted(score)[-most] if len(pool) > most else 0.0
        self.score = score  # a bound of each; 0 for what is in the summary or does not fit
        self.heap = [(-one, place) for place, one in enumerate(score) if one >= least]
        heapify(self.heap)

    def _prices(self) -> list[float]:
        power, exact = length_power(self.limits), exactness(self.limits)
        for sentence in self.pool:
            if not sentence.price and sentence.text:
                length = len(sentence.text) + weights.PADDING + self.label[sentence.speaker]
                sentence.price = sentence.factor / length**power
                if sentence.features & EXACT_BITS:
                    sentence.price *= exact
        return [sentence.price for sentence in self.pool]

    def run(self) -> list[Bullet]:
        pool, heap, score, scale, fresh, said = self.pool, self.heap, self.score, self.scale, self.fresh, self.said
        less = 1.0 - weights.REPEATED
        known = [0] * len(pool)  # how many terms had been said when a score was right
        while heap:
            best, place = heap[0]
            sentence = pool[place]
            if best != -score[place] or len(sentence.text) >= self.room:
                heappop(heap)
            elif known[place] != len(said):
                known[place] = len(said)
                repeated = 0
                for name in sentence.terms:
                    if name in said:
                        repeated += said[name]
                fresh[place] = worth = sentence.fresh - less * repeated
                score[place] = worth = worth * scale[place]
                heapreplace(heap, (-worth, place))
            else:
                heappop(heap)
                score[place] = 0.0
                if self._take(sentence):
                    scale[place] = 0.0
                    terms = self.terms
                    for name in sentence.terms:
                        said[name] = terms[name][WORTH]
        return self._finished()

    def _finished(self) -> list[Bullet]:
        chosen = sorted({id(bullet): bullet for bullet in self.bullets.values()}.values(), key=lambda b: b.head)
        for bullet in chosen:
            bullet.sentences.sort(key=lambda s: s.order)
        return chosen

    def _take(self, sentence: Sentence) -> bool:
        """Puts the sentence into the summary, if it fits."""
        full = self.count >= self.limits.bullets
        if full and sentence.turn not in self.beside:
            return False
        need, bullet = self._place(sentence)
        if need > self.room:
            return False
        if bullet is None:
            if full or need > self.limits.line + 1:
                return False
            self.count += 1
            bullet = Bullet(sentence, need - 1)
        else:
            bullet.take(sentence, need)
        self.room -= need
        if sentence.turn not in self.bullets:
            self.bullets[sentence.turn] = bullet
            self._offer_neighbours(sentence)
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

    def _offer_neighbours(self, sentence: Sentence) -> None:
        """What stands beside a chosen sentence may join its bullet: it is looked at again, at a better price."""
        pool, scale, turn = self.pool, self.scale, sentence.turn
        self.beside.update((turn - 1, turn, turn + 1))
        for places in (range(sentence.place - 1, -1, -1), range(sentence.place + 1, len(pool))):
            for near in places:
                if abs(pool[near].turn - turn) > 1:
                    break
                if not scale[near]:
                    continue
                if not self.offered[near]:
                    self.offered[near] = 1
                    scale[near] *= weights.JOIN
                self.score[near] = score = self.fresh[near] * scale[near]
                heappush(self.heap, (-score, near))


def length_power(limits: Limits) -> float:
    """To which power a sentence's length divides its worth: the more room there is for a bullet, the lower."""
    room = min(limits.chars, 10_000) / min(limits.bullets, 1_000)
    return max(0.3, weights.LENGTH - weights.SLACK * log(room / 60))


def exactness(limits: Limits) -> float:
    """What an exact value or a command multiplies by: in a tight room the subject comes first."""
    roomy: float = weights.EXACT ** min(1.0, max(0.0, (min(limits.chars, 1_000) - 200) / 400))
    return roomy
