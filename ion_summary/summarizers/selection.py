"""Which sentences make the best summary that fits? A greedy knapsack over bullets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import NamedTuple

from ion_summary.summarizers import weights
from ion_summary.summarizers.bullets import ARROW, Bullet
from ion_summary.summarizers.candidates import BIT, Sentence
from ion_summary.summarizers.speakers import Speaker
from ion_summary.summarizers.vocabulary import HOLDERS, WORTH, Term

MOST_REPLIES = 2  # turns that may follow the first in one bullet
_MARKS = 4  # "- " and ": "
EXACT_BITS = BIT["fact"] | BIT["code"]


class Limits(NamedTuple):
    """The hard limits: lines, characters of all with their newlines, characters of one line."""

    bullets: int
    chars: int
    line: int


class Frame(NamedTuple):
    """Into what a summary must fit: what the price of a sentence depends on besides the sentence itself."""

    limits: Limits
    labels: dict[Speaker, str]


def select(pool: Sequence[Sentence], terms: Mapping[str, Term], frame: Frame, last_turn: int) -> list[Bullet]:
    """The bullets, in the order of the conversation, their sentences in order.

    Takes again and again the sentence with the highest score that fits: its worth (terms that are not in the summary
    yet, times its factor) by its length. ``pool`` is in order, every sentence at its ``place``; one without text is
    passed over.
    """
    return _Selection(pool, terms, frame, last_turn).run()


_OFFERED, _TAKEN = 1, 2
_LEAST_LOOKED_AT = 24  # sentences; and at least four for each bullet


class _Selection:
    def __init__(self, pool: Sequence[Sentence], terms: Mapping[str, Term], frame: Frame, last_turn: int) -> None:
        self.pool = pool
        self.terms = terms
        self.limits = limits = frame.limits
        self.label = {speaker: len(label) for speaker, label in frame.labels.items()}
        self.named = len(self.label) > 2
        self.bullets: dict[int, Bullet] = {}  # by every turn in them
        self.count = 0
        self.room = limits.chars + 1  # the first line has no newline before it
        self.done = bytearray(len(pool))
        self.offered: set[int] = set()
        self.covered: set[str] = set()
        self.fresh: list[float] = [s.fresh for s in pool]
        self.scale = [s.price or self._price(s) for s in pool]
        for place in range(len(pool) - 1, -1, -1):
            if pool[place].turn < last_turn - 1:
                break
            self.scale[place] *= weights.CLOSING
        self.score = [fresh * scale for fresh, scale in zip(self.fresh, self.scale, strict=True)]
        most = max(_LEAST_LOOKED_AT, 4 * limits.bullets)
        if len(pool) > most:
            least = sorted(self.score)[-most]
            self.score = [score if score >= least else 0.0 for score in self.score]

    def _price(self, sentence: Sentence) -> float:
        if not sentence.text:
            return 0.0
        length: float = (len(sentence.text) + weights.PADDING + self.label[sentence.speaker]) ** length_power(
            self.limits
        )
        sentence.price = sentence.factor / length
        if sentence.features & EXACT_BITS:
            sentence.price *= exactness(self.limits)
        return sentence.price

    def run(self) -> list[Bullet]:
        score = self.score
        while score:
            best = max(score)
            if best <= 0.0:
                break
            place = score.index(best)
            score[place] = 0.0
            if self._take(place):
                self._discount(self.pool[place].terms)
                self._offer_neighbours(place)
        chosen = sorted({id(bullet): bullet for bullet in self.bullets.values()}.values(), key=lambda b: b.head)
        for bullet in chosen:
            bullet.sentences.sort(key=lambda s: s.order)
        return chosen

    def _discount(self, names: Iterable[str]) -> None:
        """What the summary has said is worth less the next time."""
        terms, fresh, scale, score, covered = self.terms, self.fresh, self.scale, self.score, self.covered
        less = 1.0 - weights.REPEATED
        for name in names:
            if name in covered:
                continue
            covered.add(name)
            term = terms[name]
            loss = term[WORTH] * less
            for holder in term[HOLDERS]:
                place = holder.place
                fresh[place] -= loss
                if score[place]:
                    score[place] = fresh[place] * scale[place]

    def _take(self, place: int) -> bool:
        """Puts the sentence into the summary, if it fits."""
        sentence = self.pool[place]
        if len(sentence.text) >= self.room:
            return False
        if self.count >= self.limits.bullets and self.bullets.keys().isdisjoint(_beside(sentence.turn)):
            return False
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
        self.done[place] = _TAKEN
        self.room -= need
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

    def _offer_neighbours(self, place: int) -> None:
        """What stands beside a chosen sentence may join its bullet: it is looked at again, at a better price."""
        pool, done = self.pool, self.done
        turn = pool[place].turn
        if turn in self.offered:
            return
        self.offered.add(turn)
        for step in (-1, 1):
            near = place + step
            while 0 <= near < len(pool) and abs(pool[near].turn - turn) <= 1:
                if done[near] != _TAKEN:
                    if done[near] == 0:
                        self.scale[near] *= weights.JOIN
                        done[near] = _OFFERED
                    self.score[near] = self.fresh[near] * self.scale[near]
                near += step


def _beside(turn: int) -> tuple[int, int, int]:
    return turn - 1, turn, turn + 1


def length_power(limits: Limits) -> float:
    """To which power a sentence's length divides its worth: the more room there is for a bullet, the lower."""
    room = min(limits.chars, 10_000) / min(limits.bullets, 1_000)
    return max(0.3, weights.LENGTH - weights.SLACK * log(room / 60))


def exactness(limits: Limits) -> float:
    """What an exact value or a command multiplies by: in a tight room the subject comes first."""
    roomy: float = weights.EXACT ** min(1.0, max(0.0, (min(limits.chars, 1_000) - 200) / 400))
    return roomy
