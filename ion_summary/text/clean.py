"""How does text from outside become inert, with all that it says kept?

Kept: every letter, emoji (with its joiners), markup and formula, as characters. Removed: what acts on a terminal or
reorders what a reader sees. Unicode is brought to NFC: a name typed in NFD (macOS) must find the same name in NFC.
"""

from __future__ import annotations

import re
from functools import cache
from unicodedata import is_normalized, normalize

# Characters that need no look at all, alone or side by side: ASCII, Latin letters, punctuation, arrows, kana, Han,
# Hangul syllables and compatibility letters. No combining mark, no conjoining jamo, nothing that NFC would change.
_PLAIN = (
    "[\t\n -~\xa0-\u02ff\u2010-\u2027\u2030-\u205e\u2190-\u21ff\u2500-\u27bf\u3001-\u3029\u3030-\u303f"
    "\u3041-\u3096\u309d-\u30ff\u3131-\u318e\u4e00-\u9fff\uac00-\ud7a3\uff01-\uff9d\uffe0-\uffe6]*+"
)
# ECMA-48 control sequences and strings, with their parameters: without ESC alone, "[31m" would be left as noise.
_ANSI = r"\x1b\[[0-?]*[ -/]*[@-~]|\x1b[\]PX^_][^\x07\x1b\x9c]*(?:\x07|\x1b\\|\x9c)?|\x9b[0-?]*[ -/]*[@-~]"
_NEWLINES = r"\r\n?|[\u2028\u2029\x85]"
# C0 but tab and newline, DEL, C1; zero width space, directional marks, embeddings, overrides and isolates, BOM,
# interlinear annotation; the tag characters that hide text from people but not from models.
_ACTING = (
    "\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb"
    "\U000e0000-\U000e007f"
)
_SURROGATES = "\ud800-\udfff"


class _Patterns:
    def __init__(self) -> None:
        self.plain = re.compile(_PLAIN)
        self.ansi = re.compile(_ANSI)
        self.newlines = re.compile(_NEWLINES)
        self.acting = re.compile(f"[{_ACTING}]")
        self.surrogates = re.compile(f"[{_SURROGATES}]")
        self.suspect = re.compile(f"[{_ACTING}\u2028\u2029{_SURROGATES}]")


# Not at import: a search that prints JSON needs none of them, and they take longer than the search.
_patterns = cache(_Patterns)


def is_inert(text: str) -> bool:
    """Whether one quick look shows that ``clean`` would change nothing; False where only a closer look can tell."""
    return _patterns().plain.fullmatch(text) is not None


def clean(text: str) -> str:
    """``text`` in NFC with newlines as ``\\n`` and without characters that act instead of being read."""
    patterns = _patterns()
    if patterns.plain.fullmatch(text):
        return text
    if patterns.suspect.search(text):  # one look decides that a text needs nothing: most texts do not
        text = patterns.newlines.sub("\n", patterns.ansi.sub("", text))
        text = patterns.surrogates.sub("\ufffd", patterns.acting.sub("", text))
    return text if is_normalized("NFC", text) else normalize("NFC", text)


def one_line(text: str) -> str:
    """``clean(text)`` with every run of white space as one space: for names, titles, cells and log lines."""
    if text.isascii() and text.isprintable() and "  " not in text:
        return text.strip()
    return " ".join(clean(text).split())
