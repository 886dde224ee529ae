"""Where may a text be cut without breaking what a reader sees as one character?

The standard library knows no grapheme clusters. This covers what chats contain: combining marks, conjoining Hangul
(NFD), emoji with modifiers, joiners, selectors, keycaps and tags, flags, and CR LF; after UAX #29.
"""

from __future__ import annotations

from unicodedata import category

_JOINER = "\u200d"


def _extends(char: str) -> bool:
    """Whether ``char`` belongs to the character before it."""
    if char < "\u0300":
        return False
    code = ord(char)
    return (
        code in (0x200C, 0x200D)
        or 0x1160 <= code <= 0x11FF  # Hangul vowels and finals
        or 0xD7B0 <= code <= 0xD7FF
        or 0xFE00 <= code <= 0xFE0F
        or 0x1F3FB <= code <= 0x1F3FF  # skin tones
        or 0xE0020 <= code <= 0xE007F
        or category(char) in ("Mn", "Me", "Mc")
    )


def _flag(char: str) -> bool:
    return "\U0001f1e6" <= char <= "\U0001f1ff"


def whole(text: str, position: int) -> int:
    """The last place not after ``position`` where ``text`` may be cut; 0 if its first cluster is longer than that."""
    if position >= len(text):
        return len(text)
    while position > 0 and _inside(text, position):
        position -= 1
    return position


def _inside(text: str, position: int) -> bool:
    before, after = text[position - 1], text[position]
    if _extends(after) or before == _JOINER or (before == "\r" and after == "\n"):
        return True
    if "\u1100" <= before <= "\u115f" and "\u1100" <= after <= "\u115f":
        return True
    if _flag(before) and _flag(after):
        start = position
        while start and _flag(text[start - 1]):
            start -= 1
        return (position - start) % 2 == 1
    return False
