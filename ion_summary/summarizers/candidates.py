"""Which sentences of a message could stand in a summary, and which features has each?"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from ion_summary.summarizers import words
from ion_summary.summarizers.noise import is_placeholder, strip_opening, tidy
from ion_summary.summarizers.weights import FACTOR
from ion_summary.summarizers.speakers import Speaker
from ion_summary.text.sentences import LONG, split_clauses, split_sentences

FEATURES = tuple(FACTOR)
BIT = {name: 1 << place for place, name in enumerate(FEATURES)}
_CUES = tuple(
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
    )
)
_MOST_SENTENCES = 120  # of one message; what a longer one says after that is left out
_SHORT, _LONG = 2, 12  # terms
_QUESTION_ENDS = ("?", "？", "까요", "나요", "니까", "?)", '?"')


class Sentence:
    """One sentence (or clause, or line of code) that could stand in a summary.

    ``turn`` numbers the messages that say something, ``message`` all of them, from 1; ``order`` the sentences.
    ``features`` are bits, ``factor`` what they multiply the sentence's worth by.
    """

    __slots__ = ("factor", "features", "message", "order", "speaker", "spoken", "terms", "text", "turn")

    def __init__(self, text: str, terms: tuple[str, ...], features: int) -> None:
        self.text = text
        self.terms = terms
        self.features = features
        self.factor = 1.0
        self.message = self.turn = self.order = 0
        self.speaker: Speaker = ("", "")
        self.spoken: Iterable[words.Word] = ()

    def to_list(self) -> list[Any]:
        """The sentence as JSON values."""
        place = [self.message, self.turn, self.order]
        return [self.text, list(self.terms), self.features, *place, *self.speaker]

    @classmethod
    def from_list(cls, state: list[Any]) -> Sentence:
        """What ``to_list`` described."""
        text, terms, features, message, turn, order, side, name = state
        made = cls(text, tuple(terms), features)
        made.message, made.turn, made.order, made.speaker = message, turn, order, (side, name)
        made.factor = factor_of(features)
        return made


def factor_of(features: int) -> float:
    """The product of the weights of all ``features``."""
    known = _factors.get(features)
    if known is None:
        known = 1.0
        for name in names_of(features):
            known *= FACTOR[name]
        _factors[features] = known
    return known


def names_of(features: int) -> list[str]:
    """The features whose bits are set."""
    return [name for name, bit in BIT.items() if features & bit]


_factors: dict[int, float] = {}


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
    spoken = _look(rest)
    cues = 0
    small = words.SMALL
    for word in spoken:
        cues |= word[2]
        small &= word[2]
    if not spoken or small or is_placeholder(rest):
        _take_small_talk(sentence, rest, cues, heard)
        return
    if len(rest) < len(sentence):
        for word in _look(sentence[: -len(rest)]):
            heard.greets = heard.greets or word[2] & words.GREET != 0
    features = BIT["code"] if is_code else 0
    heard.asks = rest.endswith(_QUESTION_ENDS)
    if heard.asks:
        features |= BIT["question"]
    if is_code or len(rest) <= LONG:
        heard.sentences.append(_sentence(rest, spoken, cues, features))
        return
    for place, clause in enumerate(split_clauses(rest)):
        spoken = _look(clause)
        cues = 0
        for word in spoken:
            cues |= word[2]
        heard.sentences.append(_sentence(clause, spoken, cues, features | BIT["fragment"] * (place > 0)))


def _look(text: str) -> list[words.Word]:
    remembered = words.memory.get
    return [remembered(word) or words.look(word) for word in words.WORD.findall(text)]


def _take_small_talk(sentence: str, rest: str, cues: int, heard: Heard) -> None:
    if cues & words.GREET:
        heard.greets = True
    if cues & words.ASSENT and not heard.assent and not heard.sentences:
        heard.assent = rest
    if not heard.small_talk:
        heard.small_talk = sentence


def _sentence(text: str, spoken: list[words.Word], cues: int, features: int) -> Sentence:
    terms: dict[str, words.Word] = {}
    kinds = 0
    for word in spoken:
        kind = word[1]
        if kind and word[0] not in terms:
            if kind == words.NAME and word is spoken[0]:
                word = words.Word(word[0], words.PLAIN, word[2], word[3])  # a capital that only begins the sentence
                kind = words.PLAIN
            terms[word[0]] = word
            kinds |= 1 << kind
    made = Sentence(text, tuple(terms), features | _features(text, spoken, cues, kinds, len(terms)))
    made.spoken = terms.values()
    return made


def _features(text: str, spoken: list[words.Word], cues: int, kinds: int, terms: int) -> int:
    known = _of_cues.get(cues)
    if known is None:
        known = _of_cues[cues] = sum(bit for cue, bit in _CUES if cues & cue)
    features = known | _OF_KINDS[kinds]
    if spoken and spoken[0][2] & words.POINTS:
        features |= BIT["dangling"]
    if cues & words.ASKS and text[-1] == "?":
        features |= BIT["wh"]
    if text[-1] == "!":
        features |= BIT["exclaim"]
    if terms * 2 >= len(spoken):
        features |= BIT["dense"]
    elif terms * 4 <= len(spoken):
        features |= BIT["thin"]
    if terms <= _SHORT:
        features |= BIT["short"]
    elif terms >= _LONG:
        features |= BIT["long"]
    return features


_of_cues: dict[int, int] = {}
_OF_KINDS = [
    BIT["number"] * (kinds >> words.NUMBER & 1)
    | BIT["fact"] * (kinds >> words.FACT & 1)
    | BIT["name"] * (kinds >> words.NAME & 1)
    for kinds in range(1 << len(words.KIND_NAMES))
]
