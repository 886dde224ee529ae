"""What does a 200 of Gemini hold: an answer and its price, or one of the ways of not answering?"""

from __future__ import annotations

import json
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from ion_summary.errors import ProviderError, ProviderRefusedError, UnusableAnswerError
from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummary
from ion_summary.summarizers.llm.answer import check
from ion_summary.summarizers.llm.prices import Prices

# Reasons after which the same request would end the same way (https://ai.google.dev/api/generate-content).
_TERMINAL = {
    "MAX_TOKENS": "the answer was longer than it may be",
    "SAFETY": "the answer was held back as unsafe",
    "RECITATION": "the answer was held back as quoted from elsewhere",
    "SPII": "the answer was held back for personal data in it",
    "LANGUAGE": "the language is not supported",
    "BLOCKLIST": "the answer was held back for a forbidden term",
    "PROHIBITED_CONTENT": "the answer was held back as prohibited",
    "CONTINUATION": "the answer was broken off",
}


def parsed(body: str | None) -> Mapping[str, Any]:
    """The fields of an answer, none of an empty one. Raises UnusableAnswerError if it is no JSON object."""
    fields = None
    # Raised outside of the block, the failure has no context: Python's own error holds the whole answer.
    with suppress(ValueError, RecursionError):
        fields = json.loads(body or "{}")
    if not isinstance(fields, dict):
        wrong = "not JSON" if fields is None else "no JSON object"
        raise UnusableAnswerError(reason=f"the answer is {wrong}, which the interface promises", perhaps_billed=True)
    return fields


def read(
    response: Mapping[str, Any], request: LlmRequest, model: str, prices: Prices, *, batch: bool = False
) -> LlmSummary:
    """The summary that ``response`` holds, checked against the messages of ``request``.

    Args:
        response: the fields of https://ai.google.dev/api/generate-content#GenerateContentResponse, any of which may be
            missing or of another kind.
        model: the model that was asked for, billed if the response names none.
        prices: the table that says what it cost.
        batch: whether it is billed as part of a batch.

    Raises a ProviderError that carries what was billed.
    """
    usage = usage_of(response)
    named = response.get("modelVersion")
    answered = named if isinstance(named, str) and named else model
    try:
        answer = check(_text(response), request)
    except ProviderError as error:
        error.usage, error.model = usage, answered
        error.cost_usd = prices.cost(usage, answered, batch=batch)
        # Without any count nobody knows: an empty 200 may have been paid for.
        error.perhaps_billed = not usage
        raise
    cost = prices.cost(usage, answered, batch=batch)
    return LlmSummary(
        answer.text, answer.tags, answer.evidence, answer.flags, usage, answered, cost, 1, answer.language
    )


def usage_of(response: Mapping[str, Any]) -> Usage:
    """The tokens that are billed: thoughts are output, and the prompt's count includes what was cached."""
    counted = _fields(response.get("usageMetadata"))
    asked, answered, thoughts, cached = (
        _count(counted.get(f"{name}TokenCount")) for name in ("prompt", "candidates", "thoughts", "cachedContent")
    )
    return Usage(asked, answered + thoughts, cached)


def _text(response: Mapping[str, Any]) -> str:
    """The text of the answer. Raises ProviderRefusedError or UnusableAnswerError if there is none, or not all."""
    blocked = _fields(response.get("promptFeedback")).get("blockReason")
    if blocked is not None:
        raise ProviderRefusedError(reason=f"the session is blocked ({_enum(blocked)})", terminal=True)
    candidates = response.get("candidates")
    if not isinstance(candidates, list) or not candidates:
        raise UnusableAnswerError(reason="the answer is empty")
    candidate = _fields(candidates[0])
    finished = _enum(candidate.get("finishReason"))
    if finished in _TERMINAL:
        raise ProviderRefusedError(reason=f"{_TERMINAL[finished]} ({finished})", terminal=True)
    text = _said(_fields(candidate.get("content")).get("parts"))
    if not text:
        raise UnusableAnswerError(reason=f"the answer is empty ({finished or 'no finish reason'})")
    if finished != "STOP":
        raise UnusableAnswerError(reason=f"the answer did not end as it should ({finished or 'no finish reason'})")
    return text


def _said(parts: Any) -> str:
    """What the parts of an answer say, without the model's thoughts."""
    some = map(_fields, parts if isinstance(parts, list) else ())
    texts = [part.get("text") for part in some if not part.get("thought")]
    return "".join(text for text in texts if isinstance(text, str))


def _fields(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, dict) else {}


def _count(value: Any) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) and value > 0 else 0


def _enum(value: Any) -> str:
    """The name of an enumeration's member; ``OTHER`` for what does not look like one."""
    name = value if isinstance(value, str) else str(value or "")
    return name if not name or (name.isascii() and name.replace("_", "").isalnum() and len(name) < 60) else "OTHER"
