"""Why is a sentence in the summary, and why is another one not?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING, NamedTuple

from ion_summary.summarizers import weights
from ion_summary.summarizers.candidates import Sentence, names_of
from ion_summary.summarizers.running import RunningSummary, limits_of
from ion_summary.summarizers.selection import EXACT_BITS, exactness, length_power
from ion_summary.summarizers.speakers import Speaker
from ion_summary.summarizers.vocabulary import NAME, UNIT, WORTH

if TYPE_CHECKING:
    from ion_summary.summarizers.candidates import Said
    from ion_summary.summarizers.running import AnyMessage


class Explained(NamedTuple):
    """One sentence that could stand in the summary.

    ``message`` is the number of its message, from 1; ``chosen`` whether the summary has it; ``score`` what it was
    worth before anything was chosen: ``base`` plus the sum of ``terms``, times each of ``factors``, by ``length``.
    """

    message: int
    speaker: str
    text: str
    chosen: bool
    score: float
    base: float
    terms: dict[str, float]
    factors: dict[str, float]
    length: float


class _Recording(RunningSummary):
    """Remembers every sentence, also those that the pool has let go."""

    def __init__(self) -> None:
        super().__init__()
        self.heard: list[Sentence] = []

    def _count(self, said: list[Said], of_turn: int, speaker: Speaker, voice: int) -> None:
        super()._count(said, of_turn, speaker, voice)
        self.heard += self._pool[len(self._pool) - len(said) :]

    def explained(self, max_bullets: int, max_chars: int) -> list[Explained]:
        limits = limits_of(max_bullets, max_chars)
        labels = self._labels()
        frame = self._framed(limits, labels)
        bullets = self._select(frame)
        chosen = {sentence.order for bullet in bullets for sentence in bullet.sentences}
        shown = {sentence.order: sentence.text for sentence in frame.sentences}
        power, exact = length_power(limits), exactness(limits)
        found = []
        for sentence in self.heard:
            label = labels.get(sentence.speaker, "?")
            factors = {name: weights.FACTOR[name] for name in names_of(sentence.features)}
            if sentence.turn >= self._turn - 1:
                factors["closing"] = weights.CLOSING
            if sentence.features & EXACT_BITS:
                factors["exact"] = exact
            if sentence is self._asked:
                factors["open"] = weights.OPEN
            terms = {term[NAME]: term[WORTH] / UNIT for term in sentence.terms}
            length = (len(shown.get(sentence.order, sentence.text)) + weights.PADDING + len(label)) ** power
            score = (weights.BASE + sum(terms.values())) / length
            for factor in factors.values():
                score *= factor
            is_chosen = sentence.order in chosen
            found.append(
                Explained(
                    sentence.message, label, sentence.text, is_chosen, score, weights.BASE, terms, factors, length
                )
            )
        return found


def explain(messages: Iterable[AnyMessage], max_bullets: int = 8, max_chars: int = 800) -> list[Explained]:
    """Every sentence of the session that could stand in its summary, in order, with its score by feature.

    Takes what ``summarize`` takes, and raises what it raises.
    """
    recording = _Recording()
    for message in messages:
        recording.add(message)
    return recording.explained(max_bullets, max_chars)
