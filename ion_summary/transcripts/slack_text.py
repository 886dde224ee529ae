"""What does a Slack message say to people, with names for ids, from its text, its blocks or what is attached?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ion_summary.transcripts.json_value import a_list, a_text, an_object

_ENTITY = re.compile(r"<([^<>\n]{1,4000})>")
_MAX_NESTING = 8


def said(message: Mapping[str, Any], people: Mapping[str, str], channels: Mapping[str, str]) -> str:
    """The text of ``message``; without one what its blocks or attachments say; then the names of its files."""
    text = a_text(message.get("text"))
    parts = [text] if text else ["".join(_blocks(message.get("blocks"), 0)).strip()]
    if not parts[0]:
        parts = list(_attached(message.get("attachments")))
    parts = [_readable(part, people, channels) for part in parts]
    for file in map(an_object, a_list(message.get("files"))):
        if name := a_text(file.get("name")) or a_text(file.get("title")):
            parts.append(f"[{name}]")
        elif file:
            parts.append("[file]")
    return "\n".join(part for part in parts if part.strip())


def _readable(text: str, people: Mapping[str, str], channels: Mapping[str, str]) -> str:
    def meant(match: re.Match[str]) -> str:
        target, _, label = match[1].partition("|")
        kind, named = target[:1], target[1:]
        if kind == "@":
            return f"@{people.get(named) or label.lstrip('@') or named}"
        if kind == "#":
            return f"#{label or channels.get(named) or named}"
        if kind == "!":
            return label if label else "@" + named.partition("^")[0]
        address = target.removeprefix("mailto:").removeprefix("tel:")
        return f"{label} ({address})" if label and label not in (address, target) else address

    # Only these three are escaped; the ampersand at last, so that "&amp;lt;" stays "&lt;".
    return _ENTITY.sub(meant, text).replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&")


def _blocks(value: Any, nesting: int) -> Iterator[str]:
    """The texts of blocks, with the ids in them written as in ``text``."""
    if nesting > _MAX_NESTING:
        return
    for block in map(an_object, a_list(value)):
        kind = block.get("type")
        inner = block.get("text")
        if kind in ("user", "channel", "usergroup", "broadcast"):
            yield _mention(block, kind)
        elif kind == "link":
            label = a_text(inner)
            yield f"<{block.get('url')}|{label}>" if label else f"<{block.get('url')}>"
        elif kind == "emoji":
            yield f":{block.get('name')}:"
        elif isinstance(inner, str):
            # Rich text is not escaped, the texts of the older blocks are.
            yield _escaped(inner) if kind == "text" else inner
        else:
            yield a_text(an_object(inner).get("text")) or ""
            yield from _blocks(block.get("fields"), nesting + 1)
            yield from _blocks(block.get("elements"), nesting + 1)
        if nesting == 0 or kind in ("rich_text_section", "rich_text_preformatted", "rich_text_quote", "mrkdwn"):
            yield "\n"


def _escaped(text: str) -> str:
    return text.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _mention(block: Mapping[str, Any], kind: str) -> str:
    marks = {"user": "@", "channel": "#", "usergroup": "!subteam^", "broadcast": "!"}
    return f"<{marks[kind]}{block.get('range' if kind == 'broadcast' else kind + '_id')}>"


def _attached(value: Any) -> Iterator[str]:
    for attachment in map(an_object, a_list(value)):
        texts = [a_text(attachment.get(key)) for key in ("pretext", "title", "text")]
        told = "\n".join(filter(None, texts)) or "".join(_blocks(attachment.get("blocks"), 0)).strip()
        yield told or a_text(attachment.get("fallback")) or ""
