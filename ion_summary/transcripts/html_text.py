"""What does a piece of HTML say as text, in blocks?

By a regular expression of linear cost: ``html.parser`` takes quadratic time on input made for it.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Iterator

_TAG = re.compile(r"<!--.*?-->|<(/?)([A-Za-z][A-Za-z0-9]*)([^<>]*)>|<![^<>]*>", re.S)
_BLOCKS = frozenset("p div h1 h2 h3 h4 h5 h6 li ul ol table tr pre blockquote section article header footer hr".split())
_ENDS = _BLOCKS | {f"/{name}" for name in _BLOCKS}
_UNSEEN = frozenset({"script", "style", "template", "noscript", "head", "title"})
_MAX_COMMENTS = 1000


def tags(text: str) -> Iterator[tuple[str, str, str]]:
    """``(text, tag, attributes)`` in order: what stands before each tag, its name (``/div`` closes), what it holds.

    The last has an empty name. What nobody sees (scripts, styles) is left out.
    """
    at = 0
    unseen = ""
    # Each comment that never ends would be looked for to the end of the text.
    if text.count("<!--") > _MAX_COMMENTS:
        text = text.replace("<!--", "")
    for found in _TAG.finditer(text):
        before = "" if unseen else text[at : found.start()]
        at = found.end()
        name = (found[2] or "").lower()
        if unseen:
            unseen = "" if found[1] and name == unseen else unseen
        elif name in _UNSEEN and not found[1]:
            unseen = name
        yield before, f"{found[1]}{name}" if name and name not in _UNSEEN else "!", found[3] or ""
    yield "" if unseen else text[at:], "", ""


def blocks(text: str) -> list[str]:
    """The paragraphs of the HTML ``text``, each with its lines."""
    return joined((before, tag) for before, tag, _ in tags(text))


def joined(pieces: Iterable[tuple[str, str]]) -> list[str]:
    """The paragraphs of pieces of text, each with the tag behind it."""
    found, lines, line = [], [], []
    for before, tag in pieces:
        line.append(before)
        if tag == "br" or tag in _ENDS:
            lines.append(" ".join(html.unescape("".join(line)).split()))
            line = []
            if tag != "br":
                if block := "\n".join(lines).strip():
                    found.append(block)
                lines = []
    lines.append(" ".join(html.unescape("".join(line)).split()))
    if block := "\n".join(lines).strip():
        found.append(block)
    return found
