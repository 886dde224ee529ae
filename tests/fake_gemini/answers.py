"""An answer that a model might give: extracts of the session in the prompt, with right citations, and a bill."""

from __future__ import annotations

import json
import re
from typing import Any

_MESSAGE = re.compile(r"^\[(\d+)\] ([^\n]*?): (.*(?:\n\| .*)*)", re.MULTILINE)
_LIMITS = re.compile(r"at most (\d+), in the order of the conversation, together at most (\d+) characters")


def prompt_text(body: dict[str, Any]) -> str:
    """The user's turn of a request."""
    return "".join(part.get("text", "") for content in body.get("contents", []) for part in content.get("parts", []))


def system_text(body: dict[str, Any]) -> str:
    """The system instruction of a request, in either spelling that the protocol allows."""
    instruction = body.get("systemInstruction") or body.get("system_instruction") or {}
    return "".join(part.get("text", "") for part in instruction.get("parts", []))


def thinking_config(body: dict[str, Any]) -> dict[str, Any]:
    """The thinking configuration; the client spells its fields both ways."""
    given = body.get("generationConfig", {}).get("thinkingConfig", {})
    return {"".join(part.title() if n else part for n, part in enumerate(k.split("_"))): v for k, v in given.items()}


def answer(body: dict[str, Any]) -> dict[str, Any]:
    """Bullets and tags for the prompt of ``body``: the longest message of each of some equal parts, and the last."""
    asked = prompt_text(body)
    # A prompt of somebody else's making is one message.
    messages = [(int(number), text) for number, _, text in _MESSAGE.findall(asked)] or [(1, asked)]
    limits = _LIMITS.search(system_text(body))
    most, chars = (int(limits[1]), int(limits[2])) if limits else (8, 800)
    wanted = max(1, min(most, len(messages), chars // 60))
    room = max(20, chars // wanted - 4)
    bullets = []
    for part in range(wanted):
        some = messages[part * len(messages) // wanted : (part + 1) * len(messages) // wanted]
        number, text = some[-1] if part == wanted - 1 else max(some, key=lambda message: len(message[1]))
        text = " ".join(text.replace("\n| ", " ").split())
        bullets.append({"text": text[:room] if len(text) > room else text, "messages": [number]})
    words = re.findall(r"[가-힣]{2,6}|[A-Za-z]{5,14}", " ".join(text for _, text in messages[:4]))
    return {"bullets": bullets, "tags": list(dict.fromkeys(words))[:4]}


def tokens(text: str) -> int:
    """What this server bills a text as: not the estimate of the client, but of the same kind."""
    ascii_letters = len(text.encode("ascii", "ignore"))
    return round(ascii_letters / 3.6 + (len(text) - ascii_letters) * 0.62)


def usage(body: dict[str, Any], text: str, *, cached: int = 0) -> dict[str, int]:
    """The usageMetadata of a call."""
    schema = json.dumps(body.get("generationConfig", {}).get("responseJsonSchema", {}))
    asked = tokens(prompt_text(body)) + tokens(system_text(body)) + tokens(schema)
    thinking = thinking_config(body).get("thinkingBudget")
    counted = {"promptTokenCount": asked, "candidatesTokenCount": tokens(text)}
    if thinking is None:
        counted["thoughtsTokenCount"] = 32
    if cached:
        counted["cachedContentTokenCount"] = min(cached, asked)
    return counted | {"totalTokenCount": sum(counted.values())}
