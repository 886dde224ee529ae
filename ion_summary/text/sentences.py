"""Where does a sentence of a chat end, and where a clause, in Korean and English?"""

from __future__ import annotations

import re

# A sentence ends at its mark (with closing quotes) before white space, or at a line's end; never inside a number or URL.
_END = re.compile(r"(?<=[.!?…。？！])[\"'”’」』)\]]*\s+|\s*\n\s*|(?<=[。？！])")
_ABBREVIATION = re.compile(
    r"(?i)(?:^|[\s(])(?:mr|mrs|ms|dr|prof|st|sr|jr|vs|etc|e\.g|i\.e|no|vol|fig|dept|inc|ltd|co|corp|approx|est|ext|tel|apt|[a-z]|\d{1,2})\.$"
)
# Chat Korean often leaves the full stop out: a polite ending before a space ends a sentence as well.
_KOREAN_END = re.compile(
    r"(?<=[가-힣](?:니다|어요|아요|에요|예요|네요|세요|까요|나요|군요|게요|께요|대요|지요|시오|워요|져요|려요|해요|돼요|줘요|와요|하죠))"
    r"[~^ㅋㅎㅠㅜ]*\s+"
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
    for piece in _END.split(text):
        piece = piece.strip()
        if not piece:
            continue
        if pieces and pieces[-1][-1] == "." and _ABBREVIATION.search(pieces[-1]):
            pieces[-1] += " " + piece
        elif "요 " in piece or "다 " in piece:
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
