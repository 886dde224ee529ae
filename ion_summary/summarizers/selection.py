"""Which sentences make the best summary that fits? A greedy knapsack over bullets."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Mapping, Sequence
from itertools import count
from math import log
from operator import attrgetter, mul

from ion_summary.summarizers import weights
from ion_summary.summarizers.bullets import ARROW, Bullet, cut
from ion_summary.summarizers.candidates import BIT, Sentence
from ion_summary.summarizers.speakers import Speaker
from ion_summary.summarizers.vocabulary import SAID, WORTH

MOST_REPLIES = 2  # turns that may follow the first in one bullet
_MARKS = 4  # "- " and ": "
EXACT_BITS = BIT["fact"] | BIT["code"]


class Limits:
    """The hard limits: lines, characters of all with their newlines, characters of one line."""

    __slots__ = ("bullets", "chars", "line")

    def __init__(self, bullets: int, chars: int, line: int) -> None:
        self.bullets = bullets
        self.chars = chars
        self.line = line

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, Limits):
            return NotImplemented
        return (self.bullets, self.chars, self.line) == (other.bullets, other.chars, other.line)


class Frame:
    """Into what a summary must fit, and the sentences of the pool as they stand in it: cut, and with their prices.

    ``prices`` are what a sentence's worth is multiplied by: its factor by its length. ``text`` is the summary that was
    made of it, "" if there is none yet; ``open`` whether the last sentence has the mark that nobody has answered it.
    """

    __slots__ = (
        "_exact", "_power", "_room", "labels", "lengths", "limits", "open", "prices", "sentences", "text", "turns",
        "widths",
    )  # fmt: skip

    def __init__(self, limits: Limits, labels: Mapping[Speaker, str]) -> None:
        self.limits = limits
        self.labels = labels
        self.widths = {speaker: len(label) for speaker, label in labels.items()}
        self.sentences: list[Sentence] = []
        self.lengths: list[int] = []
        self.turns: list[int] = []
        self.prices: list[float] = []
        self.text = ""
        self.open = False
        self._power, self._exact = length_power(limits), exactness(limits)
        self._room = min(limits.chars, limits.line) - _MARKS

    def show(self, sentences: Iterable[Sentence]) -> None:
        """Puts them behind the others."""
        widths, room, power, exact, padding = self.widths, self._room, self._power, self._exact, weights.PADDING
        shown, lengths, turns, prices = self.sentences, self.lengths, self.turns, self.prices
        for sentence in sentences:
            width, length = widths[sentence.speaker], len(sentence.text)
            if length + width > room:
                sentence = sentence.with_text(cut(sentence.text, room - width))
                length = len(sentence.text)
            price = sentence.factor / (length + padding + width) ** power if length else 0.0
            shown.append(sentence)
            lengths.append(length)
            turns.append(sentence.turn)
            prices.append(price * exact if sentence.features & EXACT_BITS else price)
        self.text = ""

    def keep(self, places: Iterable[int]) -> None:
        """Keeps those at ``places`` alone, which are in order; whom it does not show yet is shown later."""
        if self.open:
            self.drop_last()
        kept = [place for place in places if place < len(self.prices)]
        self.sentences = [self.sentences[place] for place in kept]
        self.lengths = [self.lengths[place] for place in kept]
        self.turns = [self.turns[place] for place in kept]
        self.prices = [self.prices[place] for place in kept]
        self.text = ""

    def drop_last(self) -> None:
        """Shows the last one no longer."""
        for column in (self.sentences, self.lengths, self.turns, self.prices):
            column.pop()
        self.open = False


def select(frame: Frame, fresh: Sequence[int], last_turn: int) -> list[Bullet]:
    """The bullets, in the order of the conversation, their sentences in order.

    Takes again and again the sentence with the highest score that fits: its worth (terms that are not in the summary
    yet, at first ``fresh``) times its price. One without text is passed over, as is one with the text of another.
    """
    return _Selection(frame, fresh, last_turn).run() if fresh else []


_numbers = count(1)  # of summaries, to mark the terms that are said in one
_LOOKED_AT = 20  # sentences; and at least two for each bullet


class _Selection:
    """A lazy greedy choice: what is said already makes the others worth less, never more, so that a score which was
    right some sentences ago is a bound, and only the sentence with the highest bound is scored again (Minoux 1978).
    """

    def __init__(self, frame: Frame, fresh: Sequence[int], last_turn: int) -> None:
        self.pool, self.lengths, self.turns = frame.sentences, frame.lengths, frame.turns
        self.limits, self.widths = frame.limits, frame.widths
        self.named = len(frame.widths) > 2
        self.bullets: dict[int, Bullet] = {}  # by every turn in them
        self.chosen: list[Bullet] = []
        self.fresh = fresh
        self.worth: list[float] = list(fresh)  # when it was last looked at
        self.scale = scale = frame.prices.copy()
        self.offered = bytearray(len(fresh))  # what stands beside a chosen sentence
        for place in range(bisect_left(self.turns, last_turn - 1), len(scale)):
            scale[place] *= weights.CLOSING
        self.score = score = list(map(mul, fresh, scale))  # of what is ranked: a bound
        self.ranked = sorted(range(len(score) - 1, -1, -1), key=score.__getitem__)  # places, the best last
        del self.ranked[: -max(_LOOKED_AT, 2 * frame.limits.bullets)]
        self.bounds = [score[place] for place in self.ranked]

    def run(self) -> list[Bullet]:
        bounds, ranked, score, worth, scale = self.bounds, self.ranked, self.score, self.worth, self.scale
        pool, lengths, fresh, number, kept = self.pool, self.lengths, self.fresh, next(_numbers), 1.0 - weights.REPEATED
        room = self.limits.chars + 1  # the first line has no newline before it
        looked_at = [0] * len(fresh)  # of each, how many had been taken when it was last looked at
        taken: set[str] = set()
        while ranked:
            place, bound = ranked.pop(), bounds.pop()
            if bound != score[place] or lengths[place] >= room:
                continue
            sentence = pool[place]
            if looked_at[place] != len(taken):
                looked_at[place] = len(taken)
                said = 0
                for term in sentence.terms:
                    if term[SAID] == number:
                        said += term[WORTH]
                worth[place] = now = fresh[place] - kept * said
                now *= scale[place]
                if now != bound:
                    score[place] = now
                    rank = bisect_left(bounds, now)
                    bounds.insert(rank, now)
                    ranked.insert(rank, place)
                    continue
            score[place] = 0.0
            need = 0 if sentence.text in taken else self._take(place, room)
            if need:
                room -= need
                taken.add(sentence.text)
                for term in sentence.terms:
                    term[SAID] = number
        return self._finished()

    def _finished(self) -> list[Bullet]:
        self.chosen.sort(key=_head)
        for bullet in self.chosen:
            if len(bullet.sentences) > 1:
                bullet.sentences.sort(key=_order)
        return self.chosen

    def _take(self, place: int, room: int) -> int:
        """Puts the sentence at ``place`` into the summary: how many characters that needs, 0 if it does not fit."""
        sentence, length, turn = self.pool[place], self.lengths[place], self.turns[place]
        bullet = self.bullets.get(turn)
        if bullet is not None:  # one turn is never split over two bullets
            need = length + 1
            if need > room or bullet.length + need > self.limits.line:
                return 0
            bullet.sentences.append(sentence)
            bullet.length += need
            self.scale[place] = 0.0
            return need
        need, bullet = self._fit(sentence, length, turn)
        if need > room:
            return 0
        if bullet is not None:
            bullet.take(sentence, need)
        elif len(self.chosen) < self.limits.bullets and need <= self.limits.line + 1:
            bullet = Bullet(sentence, need - 1)
            self.chosen.append(bullet)
        else:
            return 0
        self.scale[place] = 0.0
        self.bullets[turn] = bullet
        self._offer_neighbours(place, turn, room - need)
        if len(bullet.sentences) == 1 and len(self.chosen) == self.limits.bullets:
            self._close()
        return need

    def _fit(self, sentence: Sentence, length: int, turn: int) -> tuple[int, Bullet | None]:
        """``(characters needed, the bullet it joins)`` for the first of its turn; None for a bullet of its own."""
        line, bullets, label = self.limits.line, self.bullets, self.widths[sentence.speaker]
        before = bullets.get(turn - 1)
        if before is not None and before.tail - before.head < MOST_REPLIES and before.last != sentence.speaker:
            need = length + len(ARROW) + (label + 2 if self.named else 0)
            if before.length + need <= line:
                return need, before
        after = bullets.get(turn + 1)
        if after is not None and after.tail - after.head < MOST_REPLIES and after.first != sentence.speaker:
            # The label moves to the new head; with names, the old head keeps its own behind the arrow.
            need = length + len(ARROW) + label + (2 if self.named else -self.widths[after.first])
            if after.length + need <= line:
                return need, after
        return length + _MARKS + label + 1, None

    def _close(self) -> None:
        """With as many bullets as there may be, only what stands beside them can still be taken."""
        offered, ranked = self.offered, self.ranked
        self.bounds[:] = [bound for bound, place in zip(self.bounds, ranked, strict=True) if offered[place]]
        ranked[:] = [place for place in ranked if offered[place]]

    def _offer_neighbours(self, place: int, turn: int, room: int) -> None:
        """What stands beside a chosen sentence may join its bullet: it is looked at again, at a better price."""
        bounds, score, scale, worth, offered = self.bounds, self.score, self.scale, self.worth, self.offered
        ranked, turns, lengths = self.ranked, self.turns, self.lengths
        for near in range(bisect_left(turns, turn - 1, 0, place), bisect_right(turns, turn + 1, place)):
            price = scale[near]
            if not price:
                continue
            if not offered[near]:
                offered[near] = 1
                scale[near] = price = price * weights.JOIN
            elif score[near]:
                continue  # it is ranked
            if lengths[near] < room:
                score[near] = bound = worth[near] * price
                rank = bisect_left(bounds, bound)
                bounds.insert(rank, bound)
                ranked.insert(rank, near)


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
