"""Which sentences of a message could stand in a summary, and which features has each?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ion_summary.summarizers import words
from ion_summary.summarizers.noise import is_placeholder, strip_opening, tidy
from ion_summary.summarizers.speakers import Speaker
from ion_summary.summarizers.weights import FACTOR
from ion_summary.text.sentences import LONG, split_clauses, split_sentences

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
        for sentence in [part] if is_code else split_sentences(part):
            if len(heard.sentences) >= _MOST_SENTENCES:
                return heard
            _take(sentence, is_code, heard)
    return heard


def _take(sentence: str, is_code: bool, heard: Heard) -> None:
    if "  " in sentence or "\t" in sentence:
        sentence = " ".join(sentence.split())
    rest = sentence if is_code else strip_opening(sentence)
    terms, kinds, cues, small, spoken = _read(rest)
    if small or (len(rest) < 30 and is_placeholder(rest)):
        _take_small_talk(sentence, rest, cues, heard)
        return
    if len(rest) < len(sentence) and _read(sentence[: -len(rest)])[2] & words.GREET:
        heard.greets = True
    features = BIT["code"] if is_code else 0
    heard.asks = False
    if rest.endswith(_QUESTION_ENDS):
        features |= _QUESTION
        heard.asks = not rest.endswith(_POLITE_ENDS)
    if is_code or len(rest) <= LONG:
        heard.sentences.append(Sentence(rest, terms, features | _features(rest, len(terms), kinds, cues, spoken)))
        return
    for clause in split_clauses(rest):
        terms, kinds, cues, _, spoken = _read(clause)
        heard.sentences.append(Sentence(clause, terms, features | _features(clause, len(terms), kinds, cues, spoken)))
        features |= _FRAGMENT


def _read(text: str) -> tuple[dict[str, words.Word], int, int, int, int]:
    """``(terms, bits of their kinds, bits of the cues, whether all is small talk, number of words)``."""
    remembered = words.memory.get
    terms: dict[str, words.Word] = {}
    kinds = cues = 0
    small = words.SMALL
    spoken = words.WORD.findall(text)
    for written in spoken:
        word = remembered(written) or words.look(written)
        name, kind, said, _ = word
        cues |= said
        small &= said
        if kind and name not in terms:
            terms[name] = word
            kinds |= 1 << kind
    if spoken and remembered(spoken[0], _NOTHING)[2] & words.POINTS:
        cues |= _POINTS_FIRST
    return terms, kinds, cues, small, len(spoken)


def _take_small_talk(sentence: str, rest: str, cues: int, heard: Heard) -> None:
    if cues & words.GREET:
        heard.greets = True
    if cues & words.ASSENT and not heard.assent and not heard.sentences:
        heard.assent = rest
    if not heard.small_talk:
        heard.small_talk = sentence


def _features(text: str, terms: int, kinds: int, cues: int, spoken: int) -> int:
    features = _of_cues.get(cues)
    if features is None:
        features = _of_cues[cues] = sum(bit for cue, bit in _CUES if cues & cue)
    features |= _OF_KINDS[kinds]
    end = text[-1]
    if end == "!":
        features |= _EXCLAIM
    elif end == "?" and cues & words.ASKS:
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
_POINTS_FIRST = 1 << 30
_CUES = (
    *(
        (getattr(words, name.upper()), BIT[name])
        for name in (
            "request",
            "commit",
            "problem",
            "decide",
            "cause",
            "doubt",
            "thanks",
            "first",
            "second",
            "negation",
            "time",
            "intent",
        )
    ),
    (_POINTS_FIRST, BIT["dangling"]),
)
_of_cues: dict[int, int] = {}
_OF_KINDS = [
    BIT["number"] * (kinds >> words.NUMBER & 1)
    | BIT["fact"] * (kinds >> words.FACT & 1)
    | BIT["name"] * (kinds >> words.NAME & 1)
    for kinds in range(1 << len(words.KIND_NAMES))
]
_QUESTION, _FRAGMENT, _EXCLAIM, _WH, _DENSE, _THIN, _SHORT, _LONG = (
    BIT[name] for name in ("question", "fragment", "exclaim", "wh", "dense", "thin", "short", "long")
)
