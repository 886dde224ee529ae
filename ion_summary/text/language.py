"""In which language is a text written, Korean or English?"""

from __future__ import annotations

import re

# Compiled when first needed: the summarizer asks only for an open question, and its import is to stay light.
_HANGUL = "[가-힣ᄀ-ᇿㄱ-ㆎ]+"
_LATIN = "[A-Za-z]+"


def language(text: str) -> str:
    """``"ko"`` or ``"en"``: Korean as soon as a third as much Hangul as Latin is in it.

    A syllable block says about as much as three letters, and Korean texts are full of Latin names and commands.
    """
    if text.isascii():
        return "en"
    # Runs, not letters: a tenth of the time.
    hangul = len("".join(re.findall(_HANGUL, text)))
    return "ko" if hangul and hangul * 3 >= len("".join(re.findall(_LATIN, text))) else "en"
