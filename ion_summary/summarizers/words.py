"""What does one word contribute: which term is it, how much does it say, what does it announce?

A word is looked at once and then remembered: conversations repeat themselves, and this is what makes a turn cheap.
"""

from __future__ import annotations

import re

from ion_summary.summarizers import lexicon_en as en
from ion_summary.summarizers import lexicon_ko as ko
from ion_summary.summarizers.noise import may_open
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


# What else is known of what stands between two spaces: it is no small talk; it may open a sentence without saying
# anything; it ends one; it does not, in spite of its full stop; it is not one word.
TALKS, OPENS, ENDS, GOES_ON, NOT_ONE = (1 << i for i in range(17, 22))
_KIND = 22  # from this bit on, its kind
NUMBER_BIT, FACT_BIT, NAME_BIT = (1 << _KIND + kind for kind in (NUMBER, FACT, NAME))


class Word:
    """What is known of one word.

    ``term`` is what all forms of the word share, "" where ``kind`` is ``EMPTY``; ``form`` is the word as a tag shows
    it, "" where it makes no tag; ``bits`` are what it announces and what else is known of it.
    """

    __slots__ = ("bits", "form", "kind", "term")

    def __init__(self, term: str, kind: int, cues: int, form: str) -> None:
        self.term = term
        self.kind = kind
        self.form = form
        self.bits = cues | 1 << _KIND + kind | (0 if cues & SMALL else TALKS)


_REMEMBERED = 20_000
memory: dict[str, Word] = {}  # by what stands between spaces: to look that up is faster than to find words in a text

_FACT = (  # letters with digits; digits with inner marks or a unit
    r"(?=.*\d)(?=.*[A-Za-z]).*|.*\d[\d.,:/-]*\d.*|\d+[%원달만천억건개일월시분차호회]\w*"
)
_STEM = r"^(..+?)(?:'s|’s|ies|ied|ing|ings|edly|ed|es|ly|s|er|ers|ment|ments|ion|ions)$"
_LATIN_HEAD = r"[a-z][a-z0-9_.-]*(?=[가-힣])"
_LATIN_CUES = (
    (REQUEST, en.REQUEST), (COMMIT, en.COMMIT), (PROBLEM, en.PROBLEM), (DECIDE, en.DECIDE), (CAUSE, en.CAUSE),
    (DOUBT, en.DOUBT), (THANKS, en.THANKS), (FIRST, en.FIRST_PERSON), (SECOND, en.SECOND_PERSON),
    (NEGATION, en.NEGATION), (TIME, en.TIME_WORDS), (SMALL, en.SMALL_TALK), (GREET, en.GREETING), (ASSENT, en.ASSENT),
    (ASKS, en.ASKING), (POINTS, en.POINTING), (INTENT, en.INTENT),
)  # fmt: skip
_KOREAN_STEM_CUES = (
    (PROBLEM, ko.PROBLEM_STEMS), (DECIDE, ko.DECIDE_STEMS), (CAUSE, ko.CAUSE_STEMS), (THANKS, ko.THANKS_STEMS),
    (NEGATION, ko.NEGATION_STEMS), (TIME, ko.TIME_STEMS), (GREET, ko.GREETING_STEMS), (ASKS, ko.ASKING_STEMS),
    (POINTS, ko.POINTING_STEMS),
)  # fmt: skip
_KOREAN_ENDING_CUES = (
    (REQUEST, ko.REQUEST_ENDINGS),
    (COMMIT, ko.COMMIT_ENDINGS),
    (DOUBT, ko.DOUBT_ENDINGS),
    (INTENT, ko.INTENT_ENDINGS),
    (DECIDE, ko.DECIDE_ENDINGS),
)
_KOREAN_WORD_CUES = ((FIRST, ko.FIRST_PERSON), (SECOND, ko.SECOND_PERSON), (SMALL, ko.SMALL_TALK), (ASSENT, ko.ASSENT))


def look(written: str) -> Word:
    """What ``written``, which has no white space, contributes; its ``bits`` are ``NOT_ONE`` if it is not one word."""
    known = memory.get(written)
    if known is None:
        if len(memory) >= _REMEMBERED:
            memory.clear()
        found = re.findall(WORD, written)
        known = memory[written] = read(found[0]) if len(found) == 1 else Word("", EMPTY, NOT_ONE, "")
        if may_open(written):
            known.bits |= OPENS
        if ends_sentence(written):
            known.bits |= ENDS
        elif goes_on(written):
            known.bits |= GOES_ON
    return known


def read(word: str) -> Word:
    """What ``word`` contributes."""
    lower = word.lower().strip("_").replace("’", "'")
    if not lower:
        return Word("", EMPTY, SMALL, "")
    if any(char.isdigit() for char in word):
        return Word(lower, FACT if re.fullmatch(_FACT, word) else NUMBER, TIME if lower[-1] in "월일시분" else 0, "")
    if "가" <= lower[0] <= "힣":
        return _korean(lower)
    return _latin(word, lower)


def _latin(word: str, lower: str) -> Word:
    cues = _cues_of_latin(lower)
    if lower in en.EMPTY or (len(lower) == 1 and lower.isascii()):
        return Word("", EMPTY, cues, "")
    if lower in en.NUMBER_WORDS:
        return Word(lower, NUMBER, cues, "")
    if _code_like(word):
        return Word(lower, FACT, cues, "")
    # A Latin word with Korean particles behind it is the same term as without.
    latin = re.match(_LATIN_HEAD, lower)
    form = latin.group() if latin else lower.removesuffix("'s")
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


def _cues_of_latin(lower: str) -> int:
    return sum(cue for cue, listed in _LATIN_CUES if lower in listed)


def _code_like(word: str) -> bool:
    return (
        any(char in word for char in "_/=@")
        or ("." in word and not word.endswith("."))
        or (len(word) > 3 and not word.islower() and not word.isupper() and not word[1:].islower() and word.isalpha())
    )


def stem(lower: str) -> str:
    """``lower`` without the commonest English endings: enough that forms of one word meet."""
    if len(lower) < 4:
        return lower
    found = re.match(_STEM, lower)
    if found is None or len(found.group(1)) < 3:
        return lower.rstrip("e") if len(lower) > 4 else lower
    return found.group(1).rstrip("e")


_EMPTY_STEMS = frozenset(stem(word) for word in en.EMPTY if len(word) > 3)
_COMMON_STEMS = frozenset(stem(word) for word in en.COMMON)


def strip_particles(eojeol: str) -> str:
    """``eojeol`` without the particles that hang on it; a single syllable always stays."""
    for length in range(min(ko.LONGEST_PARTICLE, len(eojeol) - 1), 0, -1):
        if eojeol[-length:] in ko.PARTICLES:
            return eojeol[:-length]
    return eojeol


def _korean(word: str) -> Word:
    noun = strip_particles(word)
    cues = (
        sum(cue for cue, stems in _KOREAN_STEM_CUES if word.startswith(stems))
        | sum(cue for cue, endings in _KOREAN_ENDING_CUES if word.endswith(endings))
        | sum(cue for cue, listed in _KOREAN_WORD_CUES if word in listed)
    )
    # The first two syllables carry the meaning of most nouns and verb stems, whatever ending follows.
    term = noun[:2]
    if word in ko.EMPTY or noun in ko.EMPTY or word.startswith(ko.EMPTY_STEMS):
        return Word("", EMPTY, cues, "")
    if word in ko.NATIVE_NUMBERS or noun in ko.NATIVE_NUMBERS:
        return Word(noun, NUMBER, cues, "")
    if word.startswith(ko.COMMON_STEMS):
        return Word(term, COMMON, cues, "")
    return Word(term, RARE if len(noun) > 3 else PLAIN, cues, "" if cues & TIME else _tag_of(noun))


def _tag_of(noun: str) -> str:
    """``noun`` as a tag shows it: ``고객님들`` is 고객, the ``운동하`` of 운동하고 운동; "" if a verb."""
    noun = noun.rstrip("'")
    while len(noun) > 2 and noun[-1] in ko.BEHIND_NOUNS:
        noun = noun[:-1]
    return "" if len(noun) < 2 or noun in ko.NO_TAGS or noun.endswith(ko.VERB_ENDINGS) else noun
