"""How many tokens has a text, at a first guess?"""

from __future__ import annotations

import re

# Tokens per character of each script before anything was learnt: cautious figures for tokenizers of Gemini's family,
# which take some four Latin letters, or one to two Hangul syllables, for one token.
HANGUL, OTHER, ASCII = 0.7, 1.0, 0.26

_HANGUL_LETTERS = "[가-힣ᄀ-ᇿㄱ-ㆎ]+"


def raw_tokens(text: str) -> float:
    """The first guess for ``text``."""
    if text.isascii():
        return len(text) * ASCII
    ascii_letters = len(text.encode("ascii", "ignore"))
    hangul = len("".join(re.findall(_HANGUL_LETTERS, text)))
    return hangul * HANGUL + ascii_letters * ASCII + (len(text) - hangul - ascii_letters) * OTHER
