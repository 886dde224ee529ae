"""Where does a sentence of a chat end, and where a clause, in Korean and English?"""

from __future__ import annotations

import re

_MARKS = ".!?…。？！"
# Strings: an import should not compile them.
_FULL_WIDTH = r"(?<=[。？！])(?=\S)"
_CLOSING = "\"'”’」』)]"
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st sr jr vs etc e.g i.e a.m p.m no vol fig dept inc ltd co corp approx est ext tel apt".split()
)
# Chat Korean often leaves the full stop out: a polite ending or laughter ends a sentence as well.
_KOREAN_ENDS = (
    *(syllable + "요" for syllable in "니어아에예네세까나군게께대지워져려해돼줘와"),
    *"니다 하죠 시오 ~ ㅋ ㅎ ㅠ ㅜ".split(),
)
_FINAL_B = 17  # the place of the consonant ㅂ among those that a Hangul syllable may end with
# White space after a comma or semicolon; after a connective ending; before a dash. It is looked for first of all: that
# is a third of the time of a pattern that looks behind from everywhere.
_CLAUSE = (
    r"\s(?:(?<=[;,，、—]\s)\s*"
    r"|(?<=(?:는데|은데|지만|니까|므로|려고|면서|아서|어서|해서|고요|다가|으면|하면|되면|이고|하고|인데)\s)\s*"
    r"|\s*(?=(?:—|–|--)\s))"
)
LONG = 110  # characters: a sentence longer than this is offered clause by clause
_SHORT_CLAUSE = 36


def split_sentences(text: str) -> list[str]:
    """The sentences of ``text``, in order, none empty, white space as single spaces. Newlines end one as well."""
    sentences: list[str] = []
    spoken: list[str] = []
    for line in spaced(text).split("\n"):
        for word in line.split():
            spoken.append(word)
            if ends_sentence(word):
                sentences.append(" ".join(spoken))
                spoken = []
        if spoken and not goes_on(spoken[-1]):
            sentences.append(" ".join(spoken))
            spoken = []
    return [*sentences, " ".join(spoken)] if spoken else sentences


def spaced(text: str) -> str:
    """``text`` with a space after every full-width mark that ends a sentence, as after the others."""
    return re.sub(_FULL_WIDTH, " ", text) if "。" in text or "？" in text or "！" in text else text


def ends_sentence(word: str) -> bool:
    """Whether a sentence ends with ``word``, what stands between two spaces, its marks included."""
    last = word[-1]
    if last == ".":
        return not goes_on(word)
    return (
        last in _MARKS
        or (last in _CLOSING and word[-2:-1] in _MARKS and len(word) > 1)
        or word.endswith(_KOREAN_ENDS)
        or (word.endswith("니까") and len(word) > 2 and (ord(word[-3]) - 0xAC00) % 28 == _FINAL_B)
    )


def goes_on(word: str) -> bool:
    """Whether the full stop that ``word`` ends with belongs to an abbreviation, an initial or a list's number."""
    if word[-1] != ".":
        return False
    word = word[:-1].lstrip("(").lower()
    return len(word) < 7 and (
        word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()) or (len(word) < 3 and word.isdigit())
    )


def split_clauses(sentence: str, long: int = LONG) -> list[str]:
    """``sentence`` in clauses of a readable length, or whole if it is not longer than ``long`` characters."""
    if len(sentence) <= long:
        return [sentence]
    clauses: list[str] = []
    for piece in re.split(_CLAUSE, sentence):
        if clauses and (len(clauses[-1]) < _SHORT_CLAUSE or len(piece) < _SHORT_CLAUSE):
            clauses[-1] += " " + piece
        elif piece:
            clauses.append(piece)
    return clauses
