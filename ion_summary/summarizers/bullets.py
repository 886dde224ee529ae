"""How does a bullet read, how long is it, and where is it cut when it must be?"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from ion_summary.summarizers.candidates import Sentence
from ion_summary.summarizers.speakers import Speaker
from ion_summary.text.graphemes import whole
from ion_summary.text.language import language

ARROW = " → "
ELLIPSIS = "…"
_OPEN = {"ko": " (답 없음)", "en": " (open)"}
OPEN_MARKS = tuple(_OPEN.values())
_CLAUSE_END = r"[,;:.!?。，、—–](?=\s)|(?:는데|지만|니까|으면|하면|해서|아서|어서|하고|이고)(?=\s)"
_ADDRESS = r"(?i)(?:[a-z][a-z0-9+.-]*://|www\.)\S*$"
_NUMBER = ".,:/%+-"


class Bullet:
    """One line of the summary: sentences of one turn, or of a turn and those that reply to it."""

    __slots__ = ("first", "head", "last", "length", "sentences", "tail")

    def __init__(self, sentence: Sentence, length: int) -> None:
        self.head = self.tail = sentence.turn
        self.first = self.last = sentence.speaker
        self.sentences = [sentence]
        self.length = length

    def take(self, sentence: Sentence, length: int) -> None:
        """Adds ``sentence``, which makes the line ``length`` characters longer."""
        self.sentences.append(sentence)
        self.length += length
        if sentence.turn < self.head:
            self.head, self.first = sentence.turn, sentence.speaker
        elif sentence.turn > self.tail:
            self.tail, self.last = sentence.turn, sentence.speaker


def render(sentences: Sequence[Sentence], labels: Mapping[Speaker, str]) -> str:
    """The line of these sentences, which are in order. More than two speakers are named after each arrow as well."""
    before = sentences[0]
    line = f"- {labels[before.speaker]}: {before.text}"
    for sentence in sentences[1:]:
        if sentence.turn == before.turn:
            line += " " + sentence.text
        elif len(labels) > 2:
            line += f"{ARROW}{labels[sentence.speaker]}: {sentence.text}"
        else:
            line += ARROW + sentence.text
        before = sentence
    return line


def as_open(question: str) -> str:
    """``question`` with the mark that nobody has answered it."""
    return question + _OPEN[language(question)]


def cut(text: str, room: int) -> str:
    """``text`` in at most ``room`` characters, ending with an ellipsis where something is left out.

    The cut is at a clause if one ends in the last half, else between words. Only a text without any space is cut
    inside, and then never in a grapheme, a number or an address; "" if nothing can be kept.
    """
    if len(text) <= room:
        return text
    if room < 2:
        return ""
    head = text[:room]  # one character more than may be kept, to see whether a word ends there
    ends = [found.end() for found in re.finditer(_CLAUSE_END, head) if room // 2 < found.end() < room]
    end = ends[-1] if ends else max(head.rfind(" "), head.rfind("\n"))
    if end <= 0:
        end = _inside(text, room - 1)
    kept = text[:end].rstrip(" ,;:—–-\n")
    return kept + ELLIPSIS if kept else ""


def _inside(text: str, position: int) -> int:
    """The last place up to ``position`` that is in no grapheme, number or address."""
    address = re.search(_ADDRESS, text[:position])
    if address is not None:
        position = address.start()
    position = whole(text, position)
    while 0 < position < len(text) and _in_number(text[position - 1]) and _in_number(text[position]):
        position -= 1
    return position


def _in_number(char: str) -> bool:
    return char.isdecimal() or char in _NUMBER
