"""With which words does a sentence open that say nothing: a greeting, a filler, an ``and``?"""

from __future__ import annotations

import re
from functools import cache

# Before a comma or a full stop; the second list before a space as well.
_BEFORE_COMMA = (
    "oh|ah|aw|well|okay|ok|alright|all right|yeah|yep|yes|right|sure|um+|uh+|hmm*|hi|hello|hey|hi there|hello there"
    "|thanks|thank you|now|please|great|perfect|got it|i see|you know|i mean|of course|no problem|sorry|good morning"
    "|good afternoon|good evening|예|넵|응|아+|어|오|와|그래|자|저기|저기요|글쎄요?|안녕하세요|안녕|감사합니다"
    "|알겠습니다|죄송하지만|실례지만|사실|일단|혹시|저"
)
_BEFORE_SPACE = "so|and|but|네+|음+|그럼|그러면|그리고|그런데|근데|그래서"
_STOP = "[,.!~…]"
_OPENING = rf"(?i)^(?:(?:{_BEFORE_COMMA}|{_BEFORE_SPACE})(?:{_STOP}+\s*|\s+(?=[,–-]))|(?:{_BEFORE_SPACE})\s+(?=\w))+"

# What to ask of a word, and of the one behind it, that spares most sentences the pattern above. In lower case.
_PAIRS = [opener.split() for opener in _BEFORE_COMMA.split("|") if " " in opener]
_IN_PAIRS = [word for pair in _PAIRS for word in pair]
_ALONE = "|".join(opener for opener in f"{_BEFORE_COMMA}|{_BEFORE_SPACE}".split("|") if " " not in opener)
_AT_ONCE = rf"(?:{_ALONE}){_STOP}|(?:{_BEFORE_SPACE})$"
_WITH_NEXT = rf"(?:{_ALONE}|{'|'.join(first for first, _ in _PAIRS)})$"
_NEXT = rf"[,–-]|(?:{'|'.join(second for _, second in _PAIRS)})(?:{_STOP}|$)"
_ANY = rf"(?:{_ALONE}|{'|'.join(_IN_PAIRS)})(?:{_STOP}|$)|[,–-]"
# Words that open begin with one of these, at least: what stands in the pattern, but for what may be repeated.
_HEADS = frozenset(word.rstrip("+*?")[:2] for word in (*_ALONE.split("|"), *_IN_PAIRS, ",", "–", "-"))


def may_open(lower: str) -> bool:
    """Whether one of the next three may hold for a word: one look instead of three for nearly all."""
    return (lower[:2] in _HEADS or lower[:1] in _HEADS) and re.match(_ANY, lower) is not None


def opens(lower: str) -> bool:
    """Whether ``strip_opening`` may find something in a sentence that begins with this word."""
    return re.match(_AT_ONCE, lower) is not None


def opens_with_next(lower: str) -> bool:
    """The same, if ``goes_with_opener`` holds for the word behind it."""
    return re.match(_WITH_NEXT, lower) is not None


def goes_with_opener(lower: str) -> bool:
    """Whether a word belongs to an opening that the word before it has begun."""
    return re.match(_NEXT, lower) is not None


@cache  # not at import; and not asked of ``re`` for each sentence
def _opening() -> re.Pattern[str]:
    return re.compile(_OPENING)


def strip_opening(sentence: str) -> str:
    """``sentence`` without the greeting or filler it opens with; as it was if nothing else is in it."""
    found = _opening().match(sentence)
    if found is None or found.end() >= len(sentence):
        return sentence
    rest = sentence[found.end() :].lstrip(" ,.-–")
    if not rest:
        return sentence
    return rest[0].upper() + rest[1:] if sentence[0].isupper() and rest[0].islower() else rest
