"""What does the content of a message of Gemini's API say: text, or a list of parts of which some are text?"""

from __future__ import annotations

from typing import Any

_KINDS = {"image": "[image]", "audio": "[audio]", "video": "[video]"}


def said_in(content: Any) -> str:
    """The text of ``content`` (a text, a part, or a list of parts); thoughts, calls and their results are none."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [content]
    # Without separators: the API streams one text in many parts.
    return "".join(map(_part, parts)).strip()


def _part(part: Any) -> str:
    if isinstance(part, str):
        return part
    if not isinstance(part, dict) or part.get("thought") is True or part.get("isThought") is True:
        return ""
    if isinstance(part.get("text"), str):
        return str(part["text"])
    for key in ("inlineData", "fileData"):
        if isinstance(part.get(key), dict):
            kind = str(part[key].get("mimeType")).partition("/")[0]
            return f"\n{_KINDS.get(kind, '[file]')}\n"
    return ""
