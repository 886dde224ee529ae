"""In which language is a text written, Korean or English?"""

from __future__ import annotations

import re

_HANGUL = re.compile("[가-힣ᄀ-ᇿㄱ-ㆎ]")
_LATIN = re.compile("[A-Za-z]")


def language(text: str) -> str:
    """``"ko"`` or ``"en"``: Korean as soon as a third as much Hangul as Latin is in it.

    A syllable block says about as much as three letters, and Korean texts are full of Latin names and commands.
    """
    hangul = len(_HANGUL.findall(text))
    return "ko" if hangul and hangul * 3 >= len(_LATIN.findall(text)) else "en"
