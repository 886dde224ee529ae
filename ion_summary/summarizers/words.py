"""What does one word contribute: which term is it, how much does it say, what does it announce?

A word is looked at once and then remembered: conversations repeat themselves, and this is what makes a turn cheap.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from sys import intern

from ion_summary.summarizers import lexicon_en as en
from ion_summary.summarizers import lexicon_ko as ko
from ion_summary.summarizers.noise import is_untidy
from ion_summary.summarizers.openings import goes_with_opener, may_open, opens, opens_with_next
from ion_summary.text.sentences import ends_sentence, goes_on

# All patterns are strings, compiled when first needed and then remembered by ``re``: an import should not do it.
# A word, an identifier, a number with its unit, a file name or a path; apostrophes and inner punctuation belong to it.
WORD = r"\w+(?:[-'’.,:/@+=]\w+)*%?"

# How much a term says; the weights of the classes are in ``weights``.
EMPTY, COMMON, PLAIN, RARE, NAME, NUMBER, FACT = range(7)
KIND_NAMES = ("empty", "common", "plain", "rare", "name", "number", "fact")

# What a word announces, as bits.
REQUEST, COMMIT, PROBLEM, DECIDE, CAUSE, DOUBT, THANKS, FIRST, SECOND = (1 << i for i in range(9))
NEGATION, TIME, SMALL, GREET, ASSENT, ASKS, POINTS, INTENT = (1 << i for i in range(9, 17))
NUMBER_BIT, FACT_BIT, NAME_BIT, TALKS = (1 << i for i in range(17, 21))  # its kind; it is no small talk
# What else is known of what stands between two spaces. At the head of a sentence: it says nothing; it says nothing if
# the next one goes with it; it goes with such a one. It ends a sentence; it does not, in spite of its full stop; a
# question ends with it; it is not one word; a text with it has to be tidied. All in 30 bits: more take twice as long.
OPENS, MAY_OPEN, OPENS_ON, ENDS, GOES_ON, QUESTION, NOT_ONE, UNTIDY = (1 << i for i in range(21, 29))
_KIND_BITS = {NUMBER: NUMBER_BIT, FACT: FACT_BIT, NAME: NAME_BIT}


class Word:
    """What is known of one word.

    ``term`` is what all forms of the word share, "" where ``kind`` is ``EMPTY``; ``form`` is the word as a tag shows
    it, "" where it makes no tag; ``bits`` are what it announces and what else is known of it; ``parts`` the words in
    what is not one.
    """

    __slots__ = ("bits", "form", "kind", "parts", "term")

    def __init__(self, term: str, kind: int, cues: int, form: str, parts: tuple[Word, ...] = ()) -> None:
        self.term = term
        self.kind = kind
        self.form = form
        self.parts = parts
        self.bits = cues | _KIND_BITS.get(kind, 0) | (0 if cues & SMALL else TALKS)


_REMEMBERED = 20_000  # and as many before: of 730,000 words of chats in two languages, 6 % are new so, else 11 %


class _Memory(dict[str, Word]):
    """By what stands between spaces: to look that up is faster than to find words in a text.

    Equal terms and bits are one object: the fewer there are, the more of them are in the processor's cache.
    """

    def __init__(self) -> None:
        super().__init__()
        self._before: dict[str, Word] = {}  # what was known when there was no more room: words in use come back

    def __missing__(self, written: str) -> Word:
        if len(self) >= _REMEMBERED:
            before = dict(self)
            self.clear()
            self._before = before
        word = self._before.pop(written, None)
        if word is not None:
            self[written] = word
            return word
        word = self[written] = _look(written)
        word.term, word.form = intern(word.term), intern(word.form)
        word.bits = _bits.setdefault(word.bits, word.bits)
        return word

    def clear(self) -> None:
        """Forgets all."""
        super().clear()
        self._before.clear()
        _bits.clear()


_bits: dict[int, int] = {}


memory = _Memory()
# What ``written``, which has no white space, contributes.
look = memory.__getitem__

_FACT = (  # letters with digits; digits with inner marks or a unit
    r"(?=.*\d)(?=.*[A-Za-z]).*|.*\d[\d.,:/-]*\d.*|\d+[%원달만천억건개일월시분차호회]\w*"
)
_LATIN_HEAD = r"[a-z][a-z0-9_.-]*(?=[가-힣])"
_QUESTION_ENDS = ("?", "？", "까요", "나요", "니까", "?)", '?"')
_ENDINGS = frozenset("'s ’s ies ied ing ings edly ed es ly s er ers ment ments ion ions".split())
_LONGEST_ENDING = 5


def _look(written: str) -> Word:
    if not _latin_cues:
        load_lists()
    core = written.rstrip(".,?!")
    if core.isalpha():
        word = read(core)
    else:
        found = re.findall(WORD, written)
        word = read(found[0]) if len(found) == 1 else Word("", EMPTY, NOT_ONE, "", tuple(map(read, found)))
    word.bits |= _of_written(written)
    return word


def _of_written(written: str) -> int:
    """The bits that depend on the marks around a word as well."""
    lower = written.lower()
    bits = 0
    if may_open(lower):
        bits = OPENS if opens(lower) else MAY_OPEN if opens_with_next(lower) else 0
        if goes_with_opener(lower):
            bits |= OPENS_ON
    if ends_sentence(written):
        bits |= ENDS
    elif goes_on(written):
        bits |= GOES_ON
    if written.endswith(_QUESTION_ENDS):
        bits |= QUESTION
    return bits | UNTIDY if is_untidy(written) else bits


def read(word: str) -> Word:
    """What ``word`` contributes."""
    lower = word.lower()
    if word.isalpha():
        return _korean(lower) if "가" <= lower[0] <= "힣" else _latin(word, lower)
    lower = lower.strip("_").replace("’", "'")
    if not lower:
        return Word("", EMPTY, SMALL, "")
    if any(char.isdigit() for char in word):
        return Word(lower, FACT if re.fullmatch(_FACT, word) else NUMBER, TIME if lower[-1] in "월일시분" else 0, "")
    return _korean(lower) if "가" <= lower[0] <= "힣" else _latin(word, lower)


def _latin(word: str, lower: str) -> Word:
    cues = _latin_cues.get(lower, 0)
    if lower in en.EMPTY or (len(lower) == 1 and lower.isascii()):
        return Word("", EMPTY, cues, "")
    if lower in en.NUMBER_WORDS:
        return Word(lower, NUMBER, cues, "")
    if _code_like(word):
        return Word(lower, FACT, cues, "")
    form = lower.removesuffix("'s")
    if not lower.isascii():  # A Latin word with Korean particles behind it is the same term as without.
        latin = re.match(_LATIN_HEAD, lower)
        form = latin.group() if latin else form
    term = stem(form)
    if term in _EMPTY_STEMS:
        return Word("", EMPTY, cues, "")
    if term in _COMMON_STEMS:
        return Word(term, COMMON, cues, "")
    kind = NAME if word[0].isupper() else RARE if len(term) > 6 else PLAIN
    return Word(term, kind, cues, "" if cues & (TIME | SMALL) or not _makes_tag(form) else singular(form))


def _makes_tag(form: str) -> bool:
    """Whether ``form`` looks like a noun."""
    return len(form) > 2 and singular(form) not in en.NO_TAGS and not form.endswith(("ed", "ing", "ly"))


def singular(lower: str) -> str:
    """``lower`` without the ending of an English plural, so that a tag is the same for one and for many."""
    if len(lower) < 4 or not lower.endswith("s") or lower.endswith(("ss", "us", "is")):
        return lower
    if lower.endswith("ies"):
        return lower[:-3] + "y"
    return lower[:-2] if lower.endswith(("sses", "xes", "zes", "ches", "shes")) else lower[:-1]


def _code_like(word: str) -> bool:
    if word.isalpha():
        return len(word) > 3 and not (word.islower() or word.isupper() or word[1:].islower())
    return any(char in word for char in "_/=@") or ("." in word and not word.endswith("."))


def stem(lower: str) -> str:
    """``lower`` without the commonest English endings: enough that forms of one word meet."""
    size = len(lower)
    if size < 4:
        return lower
    for length in range(min(_LONGEST_ENDING, size - 2), 0, -1):
        if lower[-length:] in _ENDINGS:
            if size - length < 3:
                break
            return lower[:-length].rstrip("e")
    return lower.rstrip("e") if size > 4 else lower


def strip_particles(eojeol: str) -> str:
    """``eojeol`` without the particles that hang on it; a single syllable always stays."""
    for length in range(min(ko.LONGEST_PARTICLE, len(eojeol) - 1), 0, -1):
        if eojeol[-length:] in ko.PARTICLES:
            return eojeol[:-length]
    return eojeol


def _korean(word: str) -> Word:
    noun = strip_particles(word)
    cues = _korean_cues.get(word, 0)
    for length in range(1, min(len(word), _longest_part) + 1):
        cues |= _korean_begins.get(word[:length], 0) | _korean_ends.get(word[-length:], 0)
    is_empty, is_common = cues & _IS_EMPTY, cues & _IS_COMMON
    cues &= _CUES
    # The first two syllables carry the meaning of most nouns and verb stems, whatever ending follows.
    term = noun[:2]
    if is_empty or word in ko.EMPTY or noun in ko.EMPTY:
        return Word("", EMPTY, cues, "")
    if word in ko.NATIVE_NUMBERS or noun in ko.NATIVE_NUMBERS:
        return Word(noun, NUMBER, cues, "")
    if is_common:
        return Word(term, COMMON, cues, "")
    return Word(term, RARE if len(noun) > 3 else PLAIN, cues, "" if cues & TIME else _tag_of(noun))


def _tag_of(noun: str) -> str:
    """``noun`` as a tag shows it: ``고객님들`` is 고객, the ``운동하`` of 운동하고 운동; "" if a verb."""
    noun = noun.rstrip("'")
    while len(noun) > 2 and noun[-1] in ko.BEHIND_NOUNS:
        noun = noun[:-1]
    return "" if len(noun) < 2 or noun in ko.NO_TAGS or noun.endswith(ko.VERB_ENDINGS) else noun


def load_lists() -> None:
    """Takes over the lists, each word with all its cues: with the first word, and when a benchmark has changed them."""
    global _EMPTY_STEMS, _COMMON_STEMS, _latin_cues, _korean_cues, _korean_begins, _korean_ends, _longest_part
    _EMPTY_STEMS = frozenset(stem(word) for word in en.EMPTY if len(word) > 3)
    _COMMON_STEMS = frozenset(stem(word) for word in en.COMMON)
    _latin_cues = _cues_of(
        (REQUEST, en.REQUEST), (COMMIT, en.COMMIT), (PROBLEM, en.PROBLEM), (DECIDE, en.DECIDE), (CAUSE, en.CAUSE),
        (DOUBT, en.DOUBT), (THANKS, en.THANKS), (FIRST, en.FIRST_PERSON), (SECOND, en.SECOND_PERSON),
        (NEGATION, en.NEGATION), (TIME, en.TIME_WORDS), (SMALL, en.SMALL_TALK), (GREET, en.GREETING),
        (ASSENT, en.ASSENT), (ASKS, en.ASKING), (POINTS, en.POINTING), (INTENT, en.INTENT),
    )  # fmt: skip
    _korean_cues = _cues_of(
        (FIRST, ko.FIRST_PERSON), (SECOND, ko.SECOND_PERSON), (SMALL, ko.SMALL_TALK), (ASSENT, ko.ASSENT)
    )
    _korean_begins = _cues_of(
        (PROBLEM, ko.PROBLEM_STEMS), (DECIDE, ko.DECIDE_STEMS), (CAUSE, ko.CAUSE_STEMS), (THANKS, ko.THANKS_STEMS),
        (NEGATION, ko.NEGATION_STEMS), (TIME, ko.TIME_STEMS), (GREET, ko.GREETING_STEMS), (ASKS, ko.ASKING_STEMS),
        (POINTS, ko.POINTING_STEMS), (_IS_EMPTY, ko.EMPTY_STEMS), (_IS_COMMON, ko.COMMON_STEMS),
    )  # fmt: skip
    _korean_ends = _cues_of(
        (REQUEST, ko.REQUEST_ENDINGS), (COMMIT, ko.COMMIT_ENDINGS), (DOUBT, ko.DOUBT_ENDINGS),
        (INTENT, ko.INTENT_ENDINGS), (DECIDE, ko.DECIDE_ENDINGS),
    )  # fmt: skip
    _longest_part = max(map(len, (*_korean_begins, *_korean_ends)), default=0)


def _cues_of(*lists: tuple[int, Iterable[str]]) -> dict[str, int]:
    """The cues of each word in ``lists``."""
    cues: dict[str, int] = {}
    for cue, listed in lists:
        for word in listed:
            cues[word] = cues.get(word, 0) | cue
    return cues


_CUES = (1 << 17) - 1
_IS_EMPTY, _IS_COMMON = 1 << 17, 1 << 18  # in ``_korean_begins`` only
_EMPTY_STEMS: frozenset[str]
_COMMON_STEMS: frozenset[str]
_latin_cues: dict[str, int] = {}
_korean_cues: dict[str, int]
_korean_begins: dict[str, int]  # by what a word begins with
_korean_ends: dict[str, int]
_longest_part: int
