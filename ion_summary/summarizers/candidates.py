"""Which sentences of a message could stand in a summary, and which features has each?"""

from __future__ import annotations

import re
from collections.abc import Mapping

from ion_summary.summarizers import words
from ion_summary.summarizers.noise import is_placeholder, strip_opening, tidy
from ion_summary.summarizers.speakers import Speaker
from ion_summary.summarizers.weights import FACTOR
from ion_summary.text.sentences import LONG, spaced, split_clauses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any

FEATURES = tuple(FACTOR)
BIT = {name: 1 << place for place, name in enumerate(FEATURES)}
_MOST_SENTENCES = 120  # of one message; what a longer one says after that is left out
_FEW, _MANY = 2, 12  # terms
_POLITE_ENDS = ("주시겠어요?", "주실래요?", "주시겠습니까?", "줄래?")  # they ask for no answer
_QUESTION_ENDS = ("?", "？", "까요", "나요", "니까", "?)", '?"')


class Sentence:
    """One sentence (or clause, or line of code) that could stand in a summary.

    ``turn`` numbers the messages that say something, ``message`` all of them, from 1; ``order`` the sentences. By
    ``mark`` its message is known again.
    ``features`` are bits, ``factor`` what they multiply the sentence's worth by. ``place`` is that in the pool,
    ``fresh`` the worth of its terms, and ``price`` its factor by its length, 0 if that is not known yet.
    """

    __slots__ = (
        "factor",
        "features",
        "fresh",
        "mark",
        "message",
        "order",
        "place",
        "price",
        "speaker",
        "terms",
        "text",
        "turn",
    )

    factor: float
    fresh: int
    mark: int
    message: int
    order: int
    place: int
    speaker: Speaker
    turn: int

    def __init__(self, text: str, terms: Mapping[str, words.Word], features: int) -> None:
        self.text = text
        self.terms = terms
        self.features = features
        self.price = 0.0

    def to_list(self) -> list[Any]:
        """The sentence as JSON values."""
        place = [self.mark, self.message, self.turn, self.order]
        return [self.text, list(self.terms), self.features, *place, *self.speaker]

    @classmethod
    def from_list(cls, state: list[Any]) -> Sentence:
        """What ``to_list`` described."""
        text, terms, features, mark, message, turn, order, side, name = state
        made = cls(text, dict.fromkeys(terms, _NOTHING), features)
        made.mark, made.message, made.turn, made.order, made.speaker = mark, message, turn, order, (side, name)
        made.factor = factor_of(features)
        return made


def factor_of(features: int) -> float:
    """The product of the weights of all ``features``."""
    known = factors.get(features)
    if known is None:
        known = 1.0
        for name in names_of(features):
            known *= FACTOR[name]
        factors[features] = known
    return known


def names_of(features: int) -> list[str]:
    """The features whose bits are set."""
    return [name for name, bit in BIT.items() if features & bit]


factors: dict[int, float] = {}


class Heard:
    """What one message gave: its sentences, and what its small talk means for those around it."""

    __slots__ = ("asks", "assent", "greets", "sentences", "small_talk")

    def __init__(self) -> None:
        self.sentences: list[Sentence] = []
        self.small_talk = ""
        self.assent = ""
        self.greets = False
        self.asks = False


def listen(text: str) -> Heard:
    """The sentences of one message's ``text`` with the features that it alone decides."""
    heard = Heard()
    for part, is_code in tidy(text):
        if is_code:
            _take_code(part, heard)
        else:
            _listen(part, heard)
    del heard.sentences[_MOST_SENTENCES:]
    return heard


def _listen(text: str, heard: Heard) -> None:
    """Reads words up to the end of a sentence, takes it, and so on; the end of a line ends a sentence."""
    remembered, look = words.memory.get, words.look
    spoken: list[str] = []
    terms: dict[str, words.Word] = {}
    bits = 0
    for line in spaced(text).split("\n"):
        last = 0
        for written in line.split():
            word = remembered(written) or look(written)
            last = word.bits
            bits |= last
            term = word.term
            if term and term not in terms:
                terms[term] = word
            spoken.append(written)
            if last & words.ENDS:
                _take(spoken, terms, bits, heard)
                spoken, terms, bits = [], {}, 0
        if spoken and not last & words.GOES_ON:
            _take(spoken, terms, bits, heard)
            spoken, terms, bits = [], {}, 0
    if spoken:
        _take(spoken, terms, bits, heard)


def _take(spoken: list[str], terms: dict[str, words.Word], bits: int, heard: Heard) -> None:
    """Takes a sentence of words ``spoken``, with the ``bits`` of all of them."""
    sentence = rest = " ".join(spoken)
    count = len(spoken)
    if bits & _LOOK_CLOSELY:
        rest, terms, bits, count = _look_closely(sentence, spoken, terms, bits)
    if not bits & words.TALKS or (len(rest) < 30 and is_placeholder(rest)):
        _take_small_talk(sentence, rest, bits, heard)
        return
    if len(rest) < len(sentence) and _read(sentence[: -len(rest)])[1] & words.GREET:
        heard.greets = True
    features = 0
    heard.asks = False
    if rest.endswith(_QUESTION_ENDS):
        features = _QUESTION
        heard.asks = not rest.endswith(_POLITE_ENDS)
    if len(rest) <= LONG:
        heard.sentences.append(Sentence(rest, terms, features | _features(rest, len(terms), bits, count)))
        return
    for clause in split_clauses(rest):
        terms, bits, count = _read(clause)
        heard.sentences.append(Sentence(clause, terms, features | _features(clause, len(terms), bits, count)))
        features |= _FRAGMENT


def _look_closely(
    sentence: str, spoken: list[str], terms: dict[str, words.Word], bits: int
) -> tuple[str, dict[str, words.Word], int, int]:
    """``(sentence without its opening, its terms, bits, number of words)``, where a look at each word is not enough."""
    rest = sentence
    if words.look(spoken[0]).bits & words.OPENS:
        rest = strip_opening(sentence)
        if len(rest) < len(sentence):
            return rest, *_read(rest)
    if bits & words.NOT_ONE:
        return rest, *_read_words(rest)
    return rest, terms, _of_head(bits, words.look(spoken[0])), len(spoken)


def _take_code(line: str, heard: Heard) -> None:
    terms, bits, count = _read(line)
    heard.asks = False
    heard.sentences.append(Sentence(line, terms, BIT["code"] | _features(line, len(terms), bits, count)))


def _read(text: str) -> tuple[dict[str, words.Word], int, int]:
    """``(terms, bits of all words, number of words)``."""
    terms: dict[str, words.Word] = {}
    bits = 0
    spoken = [words.look(written) for written in text.split()]
    for word in spoken:
        bits |= word.bits
        if word.term:
            terms.setdefault(word.term, word)
    if bits & words.NOT_ONE:
        return _read_words(text)
    return terms, _of_head(bits, spoken[0]) if spoken else bits, len(spoken)


def _read_words(text: str) -> tuple[dict[str, words.Word], int, int]:
    """The same, where words are not simply what stands between spaces."""
    terms: dict[str, words.Word] = {}
    bits = 0
    spoken = [words.look(written) for written in re.findall(words.WORD, text)]
    for word in spoken:
        bits |= word.bits
        if word.term:
            terms.setdefault(word.term, word)
    return terms, _of_head(bits, spoken[0]) if spoken else bits, len(spoken)


def _of_head(bits: int, first: words.Word) -> int:
    """``bits``, of which those that count at the head of a sentence only if the ``first`` word has them."""
    return bits & ~words.POINTS | bits & first.bits & words.POINTS


def _take_small_talk(sentence: str, rest: str, bits: int, heard: Heard) -> None:
    if bits & words.GREET:
        heard.greets = True
    if bits & words.ASSENT and not heard.assent and not heard.sentences:
        heard.assent = rest
    if not heard.small_talk:
        heard.small_talk = sentence


def _features(text: str, terms: int, bits: int, spoken: int) -> int:
    features = _of_bits.get(bits)
    if features is None:
        if len(_of_bits) >= _MOST_COMBINATIONS:
            _of_bits.clear()
        features = _of_bits[bits] = sum(feature for bit, feature in _OF_BIT if bits & bit)
    end = text[-1]
    if end == "!":
        features |= _EXCLAIM
    elif end == "?" and bits & words.ASKS:
        features |= _WH
    if terms * 2 >= spoken:
        features |= _DENSE
    elif terms * 4 <= spoken:
        features |= _THIN
    if terms <= _FEW:
        features |= _SHORT
    elif terms >= _MANY:
        features |= _LONG
    return features


_NOTHING = words.Word("", words.EMPTY, 0, "")
_LOOK_CLOSELY = words.NOT_ONE | words.OPENS | words.POINTS
_CUES = "request commit problem decide cause doubt thanks first second negation time intent"
_OF_BIT = (
    *((getattr(words, name.upper()), BIT[name]) for name in _CUES.split()),
    (words.POINTS, BIT["dangling"]),
    (words.NUMBER_BIT, BIT["number"]),
    (words.FACT_BIT, BIT["fact"]),
    (words.NAME_BIT, BIT["name"]),
)
_MOST_COMBINATIONS = 4096
_of_bits: dict[int, int] = {}
_QUESTION, _FRAGMENT, _EXCLAIM, _WH, _DENSE, _THIN, _SHORT, _LONG = (
    BIT[name] for name in ("question", "fragment", "exclaim", "wh", "dense", "thin", "short", "long")
)
