"""Which sentences of a message could stand in a summary, and which features has each?"""

from __future__ import annotations

from collections.abc import Sequence

from ion_summary.summarizers import words
from ion_summary.summarizers.markup import with_whole_code, words_of
from ion_summary.summarizers.noise import LONGEST, is_placeholder, is_tidy, tidy
from ion_summary.summarizers.openings import strip_opening
from ion_summary.summarizers.speakers import Speaker
from ion_summary.summarizers.vocabulary import NAME
from ion_summary.summarizers.weights import FACTOR
from ion_summary.summarizers.words import (
    ASKS,
    ASSENT,
    ENDS,
    FACT_BIT,
    GOES_ON,
    GREET,
    MAY_OPEN,
    NAME_BIT,
    NOT_ONE,
    NUMBER_BIT,
    OPENS,
    OPENS_ON,
    POINTS,
    QUESTION,
    TALKS,
    UNTIDY,
    Word,
    look,
)
from ion_summary.text.clean import one_line
from ion_summary.text.sentences import LONG, spaced, split_clauses

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, TypeAlias

    from ion_summary.summarizers.vocabulary import Term, Vocabulary

    # A sentence as it was heard: its text, those of its words that are terms, how many words it has, its features.
    Said: TypeAlias = tuple[str, Sequence[Word], int, int]

FEATURES = tuple(FACTOR)
BIT = {name: 1 << place for place, name in enumerate(FEATURES)}
_MOST_SENTENCES = 120  # of one message; what a longer one says after that is left out
_FEW, _MANY = 2, 12  # terms
_POLITE_ENDS = ("주시겠어요?", "주실래요?", "주시겠습니까?", "줄래?")  # they ask for no answer


class Sentence:
    """One sentence (or clause, or line of code) that could stand in a summary.

    ``turn`` numbers the messages that say something, ``message`` all of them, from 1; ``order`` the sentences. By
    ``mark`` its message is known again. ``terms`` are what the vocabulary knows of its words. ``features`` are bits,
    ``factor`` what they multiply the sentence's worth by.
    """

    __slots__ = ("factor", "features", "mark", "message", "order", "speaker", "terms", "text", "turn")

    def __init__(
        self,
        text: str,
        terms: list[Term],
        features: int,
        factor: float,
        speaker: Speaker,
        turn: int,
        message: int,
        mark: int,
        order: int,
    ) -> None:
        self.text = text
        self.terms = terms
        self.features = features
        self.factor = factor
        self.speaker = speaker
        self.turn = turn
        self.message = message
        self.mark = mark
        self.order = order

    def to_list(self) -> list[Any]:
        """The sentence as JSON values."""
        place = [self.mark, self.message, self.turn, self.order]
        return [self.text, [term[NAME] for term in self.terms], self.features, *place, *self.speaker]

    @classmethod
    def from_list(cls, state: list[Any], vocabulary: Vocabulary) -> Sentence:
        """What ``to_list`` described, with the terms that ``vocabulary`` knows."""
        text, names, features, mark, message, turn, order, side, name = state
        terms = [vocabulary.term(term) for term in names]
        return cls(text, terms, features, factor_of(features), (side, name), turn, message, mark, order)

    def with_text(self, text: str, times: float = 1.0) -> Sentence:
        """The same sentence with another text, worth so many times as much."""
        return Sentence(
            text, self.terms, self.features, self.factor * times,
            self.speaker, self.turn, self.message, self.mark, self.order,
        )  # fmt: skip


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
        self.sentences: list[Said] = []
        self.small_talk = ""
        self.assent = ""
        self.greets = False
        self.asks = False


def listen(text: str) -> Heard:
    """The sentences of one message's ``text`` with the features that it alone decides."""
    heard = Heard()
    if not is_tidy(text) or not _hear(text.split(), heard, UNTIDY):
        heard = listen_closely(text)
    del heard.sentences[_MOST_SENTENCES:]
    return heard


def listen_closely(text: str) -> Heard:
    """The same, all of them, of a text that has to be tidied first."""
    heard = Heard()
    for part, is_code in tidy(text):
        if is_code:
            _take_code(part, heard)
        else:
            _hear_lines(part, heard)
    if not heard.sentences and not heard.small_talk:
        heard.small_talk = one_line(text[:LONGEST])  # markup alone: better than to show nothing
    return heard


def _hear_lines(text: str, heard: Heard) -> None:
    """Takes the sentences of ``text``. The end of a line ends one, but for that of an abbreviation."""
    spoken: list[str] = []
    for line in spaced(text).split("\n"):
        before = len(spoken)
        spoken += words_of(line)
        if spoken and (len(spoken) == before or not look(spoken[-1]).bits & GOES_ON):
            _hear(spoken, heard)
            spoken = []
    if spoken:
        _hear(spoken, heard)


def _hear(spoken: list[str], heard: Heard, unwanted: int = 0) -> bool:
    """Takes the sentences of these words, up to the first word with one of the ``unwanted`` bits: False if there is."""
    found = list(map(look, spoken))
    watched = ENDS | unwanted
    terms: list[Word] = []
    start = bits = 0
    for place, word in enumerate(found, 1):
        last = word.bits
        bits |= last
        if word.term:
            terms.append(word)
        if last & watched:
            if last & unwanted:
                return False
            _take(spoken[start:place], found[start:place], terms, bits, heard)
            terms, start, bits = [], place, 0
    if start < len(spoken):
        _take(spoken[start:], found[start:], terms, bits, heard)
    return True


def _take(spoken: list[str], found: list[Word], terms: list[Word], bits: int, heard: Heard) -> None:
    """Takes a sentence: its words as ``spoken`` and as ``found``, those that are terms, and the bits of all."""
    sentence = rest = " ".join(spoken)
    whole, ends = bits, found[-1].bits
    if bits & _UNUSUAL:
        first = found[0].bits
        if first & _MAY_OPEN and (first & OPENS or (len(found) > 1 and found[1].bits & OPENS_ON)):
            rest = strip_opening(sentence)
            if len(rest) < len(sentence):
                found = list(map(look, rest.split()))
                terms, bits = _together(found)
                ends = found[-1].bits
        if bits & NOT_ONE:
            found, terms, bits = _of_parts(found)
    if not bits & TALKS or (len(rest) < 30 and is_placeholder(rest)):
        _take_small_talk(sentence, rest, bits, heard)
        return
    if whole & _UNUSUAL and len(rest) < len(sentence) and (whole & _MAY_GREET or sentence[-len(rest) - 1] != " "):
        heard.greets = heard.greets or _read(sentence[: -len(rest)])[2] & GREET != 0
    features = 0
    heard.asks = False
    if ends & QUESTION:
        features = _QUESTION
        heard.asks = not rest.endswith(_POLITE_ENDS)
    if len(rest) <= LONG:
        heard.sentences.append((rest, terms, len(found), features | _features(rest, found, bits)))
        return
    clauses = split_clauses(rest)
    for clause in with_whole_code(clauses) if "`" in rest else clauses:
        found, terms, bits = _read(clause)
        heard.sentences.append((clause, terms, len(found), features | _features(clause, found, bits)))
        features |= _FRAGMENT


def _take_code(line: str, heard: Heard) -> None:
    found, terms, bits = _read(line)
    heard.asks = False
    heard.sentences.append((line, terms, len(found), BIT["code"] | _features(line, found, bits)))


def _read(text: str) -> tuple[list[Word], list[Word], int]:
    """``(words, those that are terms, bits of all)``."""
    found = list(map(look, text.split()))
    terms, bits = _together(found)
    return _of_parts(found) if bits & NOT_ONE else (found, terms, bits)


def _of_parts(found: list[Word]) -> tuple[list[Word], list[Word], int]:
    """The same, where words are not simply what stands between spaces."""
    parts = [part for word in found for part in (word.parts if word.bits & NOT_ONE else (word,))]
    return parts, *_together(parts)


def _together(found: list[Word]) -> tuple[list[Word], int]:
    bits = 0
    for word in found:
        bits |= word.bits
    return [word for word in found if word.term], bits


def _take_small_talk(sentence: str, rest: str, bits: int, heard: Heard) -> None:
    if bits & GREET:
        heard.greets = True
    if bits & ASSENT and not heard.assent and not heard.sentences:
        heard.assent = rest
    if not heard.small_talk:
        heard.small_talk = sentence


def _features(text: str, found: list[Word], bits: int) -> int:
    """What the ``bits`` of all words and its last character say of a sentence."""
    if bits & POINTS and not found[0].bits & POINTS:  # they count at its head only
        bits ^= POINTS
    features = _of_bits[bits & _COUNTED]
    end = text[-1]
    if end == "!":
        return features | _EXCLAIM
    return features | _WH if end == "?" and bits & ASKS else features


class _Features(dict[int, int]):
    """By those bits of all words of a sentence that are ``_COUNTED``."""

    def __missing__(self, bits: int) -> int:
        if len(self) >= _MOST_COMBINATIONS:
            self.clear()
        features = self[bits] = sum(feature for bit, feature in _OF_BIT if bits & bit)
        return features


class _Sizes(dict[tuple[int, int], int]):
    """The features of a sentence of so many different terms and so many words."""

    def __missing__(self, size: tuple[int, int]) -> int:
        if len(self) >= _MOST_COMBINATIONS:
            self.clear()
        terms, spoken = size
        features = _DENSE if terms * 2 >= spoken else _THIN if terms * 4 <= spoken else 0
        self[size] = features = features | (_SHORT if terms <= _FEW else _LONG if terms >= _MANY else 0)
        return features


_MAY_OPEN = OPENS | MAY_OPEN
_MAY_GREET = GREET | NOT_ONE
_UNUSUAL = _MAY_OPEN | NOT_ONE
_CUES = "request commit problem decide cause doubt thanks first second negation time intent"
_OF_BIT = (
    *((getattr(words, name.upper()), BIT[name]) for name in _CUES.split()),
    (POINTS, BIT["dangling"]),
    (NUMBER_BIT, BIT["number"]),
    (FACT_BIT, BIT["fact"]),
    (NAME_BIT, BIT["name"]),
)
_COUNTED = sum(bit for bit, _ in _OF_BIT)
_MOST_COMBINATIONS = 4096
_of_bits = _Features()
of_size = _Sizes()
_QUESTION, _FRAGMENT, _EXCLAIM, _WH, _DENSE, _THIN, _SHORT, _LONG = (
    BIT[name] for name in ("question", "fragment", "exclaim", "wh", "dense", "thin", "short", "long")
)
