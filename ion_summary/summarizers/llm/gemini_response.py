"""What does a 200 of Gemini hold: an answer and its price, or one of the ways of not answering?"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ion_summary.errors import ProviderError, ProviderRefusedError, UnusableAnswerError
from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummary
from ion_summary.summarizers.llm.answer import check
from ion_summary.summarizers.llm.prices import Prices

if TYPE_CHECKING:
    from google.genai.types import GenerateContentResponse

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


def read(
    response: GenerateContentResponse, request: LlmRequest, model: str, prices: Prices, *, batch: bool = False
) -> LlmSummary:
    """The summary that ``response`` holds, checked against the messages of ``request``.

    Args:
        response: of the client's type, but every field of it may be missing.
        model: the model that was asked for, billed if the response names none.
        prices: the table that says what it cost.
        batch: whether it is billed as part of a batch.

    Raises a ProviderError that carries what was billed.
    """
    usage = usage_of(response)
    answered = response.model_version or model
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


def usage_of(response: GenerateContentResponse) -> Usage:
    """The tokens that are billed: thoughts are output, and the prompt's count includes what was cached."""
    counted = response.usage_metadata
    if counted is None:
        return Usage()
    output = (counted.candidates_token_count or 0) + (counted.thoughts_token_count or 0)
    return Usage(counted.prompt_token_count or 0, output, counted.cached_content_token_count or 0)


def _text(response: GenerateContentResponse) -> str:
    """The text of the answer. Raises ProviderRefusedError or UnusableAnswerError if there is none, or not all."""
    feedback = response.prompt_feedback
    if feedback is not None and feedback.block_reason is not None:
        raise ProviderRefusedError(reason=f"the session is blocked ({_enum(feedback.block_reason)})", terminal=True)
    candidate = response.candidates[0] if response.candidates else None
    if candidate is None:
        raise UnusableAnswerError(reason="it is empty")
    finished = _enum(candidate.finish_reason)
    if finished in _TERMINAL:
        raise ProviderRefusedError(reason=f"{_TERMINAL[finished]} ({finished})", terminal=True)
    parts = candidate.content.parts if candidate.content is not None and candidate.content.parts else []
    text = "".join(part.text for part in parts if part.text and not part.thought)
    if not text:
        raise UnusableAnswerError(reason=f"it is empty ({finished or 'no finish reason'})")
    if finished != "STOP":
        raise UnusableAnswerError(reason=f"it did not end as it should ({finished or 'no finish reason'})")
    return text


def _enum(value: Any) -> str:
    """The name of an enumeration's member; ``OTHER`` for what does not look like one."""
    name = str(getattr(value, "value", value) or "")
    return name if not name or (name.isascii() and name.replace("_", "").isalnum() and len(name) < 60) else "OTHER"
