"""Where does a sentence of a chat end, and where a clause, in Korean and English?"""

from __future__ import annotations

import re

# A sentence ends at its mark (with a closing quote) before white space, or at a line's end; never inside a number.
# The patterns begin with the white space, which the regex engine finds fastest, and then look back.
_END = re.compile(r"\s(?:(?<=[.!?…。？！]\s)|(?<=[.!?…。？！][\"'”’」』)\]]\s))\s*|\n\s*")
_FULL_WIDTH = re.compile(r"(?<=[。？！])(?=\S)")
_ABBREVIATIONS = frozenset(
    "mr mrs ms dr prof st sr jr vs etc e.g i.e a.m p.m no vol fig dept inc ltd co corp approx est ext tel apt".split()
)
# Chat Korean often leaves the full stop out: a polite ending or laughter before a space ends a sentence as well.
_KOREAN_END = re.compile(
    r"\s(?:(?<=[니어아에예네세까나군게께대지워져려해돼줘와]요\s)|(?<=니다\s)|(?<=하죠\s)|(?<=시오\s)|(?<=니까\s)|(?<=[~ㅋㅎㅠㅜ]\s))\s*"
)
# Before a dash; after a comma or semicolon; after a connective ending.
_CLAUSE = re.compile(
    r"\s+(?=(?:—|–|--)\s)|(?<=[;,，、—])\s+"
    r"|(?<=는데|은데|지만|니까|므로|려고|면서|아서|어서|해서|고요|다가|으면|하면|되면|이고|하고|인데)\s+"
)
LONG = 110  # characters: a sentence longer than this is offered clause by clause
_SHORT_CLAUSE = 36


def split_sentences(text: str) -> list[str]:
    """The sentences of ``text``, in order, stripped, none empty. Newlines always end one."""
    pieces: list[str] = []
    if "。" in text or "？" in text or "！" in text:
        text = _FULL_WIDTH.sub(" ", text)
    for piece in _END.split(text):
        piece = piece.strip()
        if not piece:
            continue
        if pieces and pieces[-1][-1] == "." and _goes_on(pieces[-1]):
            pieces[-1] += " " + piece
        elif "요 " in piece or "다 " in piece or "ㅋ " in piece or "~ " in piece:
            pieces.extend(part for part in _KOREAN_END.split(piece) if part)
        else:
            pieces.append(piece)
    return pieces


def split_clauses(sentence: str, long: int = LONG) -> list[str]:
    """``sentence`` in clauses of a readable length, or whole if it is not longer than ``long`` characters."""
    if len(sentence) <= long:
        return [sentence]
    clauses: list[str] = []
    for piece in _CLAUSE.split(sentence):
        if clauses and (len(clauses[-1]) < _SHORT_CLAUSE or len(piece) < _SHORT_CLAUSE):
            clauses[-1] += " " + piece
        elif piece:
            clauses.append(piece)
    return clauses


def _goes_on(piece: str) -> bool:
    """Whether the full stop that ``piece`` ends with belongs to an abbreviation, an initial or a list's number."""
    word = piece[piece.rfind(" ") + 1 : -1].lstrip("(").lower()
    return len(word) < 7 and (
        word in _ABBREVIATIONS or (len(word) == 1 and word.isalpha()) or (len(word) < 3 and word.isdigit())
    )
