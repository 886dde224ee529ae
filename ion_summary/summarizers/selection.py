"""Which sentences make the best summary that fits? A greedy knapsack over bullets."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from math import log
from typing import NamedTuple

from ion_summary.summarizers import weights
from ion_summary.summarizers.bullets import ARROW, Bullet
from ion_summary.summarizers.candidates import BIT, Sentence
from ion_summary.summarizers.speakers import Speaker

MOST_REPLIES = 2  # turns that may follow the first in one bullet
_MARKS = 4  # "- " and ": "
EXACT_BITS = BIT["fact"] | BIT["code"]


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
    most = max(_LEAST_LOOKED_AT, 4 * limits.bullets)
    return _Selection(pool, worth, labels, limits, last_turn, most).run()


_OFFERED, _TAKEN = 1, 2
_LEAST_LOOKED_AT = 28  # sentences; and at least four for each bullet


class _Selection:
    def __init__(
        self,
        pool: Sequence[Sentence],
        worth: Mapping[str, float],
        labels: Mapping[Speaker, str],
        limits: Limits,
        last_turn: int,
        most: int,
    ) -> None:
        self.pool = pool
        self.worth = worth
        self.limits = limits
        self.label = {speaker: len(label) for speaker, label in labels.items()}
        self.named = len(labels) > 2
        self.bullets: dict[int, Bullet] = {}  # by every turn in them
        self.count = 0
        self.room = limits.chars + 1  # the first line has no newline before it
        self.done = bytearray(len(pool))
        self.offered: set[int] = set()
        power, exact, closing = length_power(limits), exactness(limits), last_turn - 1
        self.scale = [
            (s.factor * weights.CLOSING if s.turn >= closing else s.factor)
            * (exact if s.features & EXACT_BITS else 1.0)
            / (len(s.text) + weights.PADDING + self.label[s.speaker]) ** power
            for s in pool
        ]
        self.fresh = [weights.BASE + sum(map(worth.__getitem__, s.terms)) for s in pool]
        self.score = [fresh * scale for fresh, scale in zip(self.fresh, self.scale, strict=True)]
        if len(pool) > most:
            least = sorted(self.score)[-most]
            self.score = [score if score >= least else 0.0 for score in self.score]
        self.holders: dict[str, list[int]] = {}  # the places of the sentences that have a term
        holders = self.holders
        for place, sentence in enumerate(pool):
            if self.score[place] == 0.0:
                continue
            for term in sentence.terms:
                if term in holders:
                    holders[term].append(place)
                else:
                    holders[term] = [place]

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

    def _discount(self, terms: Iterable[str]) -> None:
        """What the summary has said is worth less the next time."""
        worth, fresh, scale, score = self.worth, self.fresh, self.scale, self.score
        less = 1.0 - weights.REPEATED
        for term in terms:
            holders = self.holders.pop(term, None)
            if holders:
                loss = worth[term] * less
                for place in holders:
                    fresh[place] -= loss
                    if score[place]:
                        score[place] = fresh[place] * scale[place]

    def _take(self, place: int) -> bool:
        """Puts the sentence into the summary, if it fits."""
        sentence = self.pool[place]
        if len(sentence.text) >= self.room:
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


def length_power(limits: Limits) -> float:
    """To which power a sentence's length divides its worth: the more room there is for a bullet, the lower."""
    room = min(limits.chars, 10_000) / min(limits.bullets, 1_000)
    return max(0.3, weights.LENGTH - weights.SLACK * log(room / 60))


def exactness(limits: Limits) -> float:
    """What an exact value or a command multiplies by: in a tight room the subject comes first."""
    roomy: float = weights.EXACT ** min(1.0, max(0.0, (min(limits.chars, 1_000) - 200) / 400))
    return roomy
