"""In which form does Gemini's client take a request so that handing it over costs little?

Two thirds of the processor time that the client takes for a call is its conversion of settings and answers
(docs/decisions/0005-asking-gemini.md). It asks its values some two hundred times whether they *contain* a name, which
pydantic answers by going through all of their fields, copies the settings three times, and makes objects of all that
is in the answer. Settings that say at once that they contain nothing, and are never copied because nobody changes
them, are converted to the same bytes, and the answer is asked for as it came.

Importing this module imports the client: that is done when the first call is made.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Self

from google.genai import types  # noqa: TID253 - see above

from ion_summary.summarizers.llm.prompt import ANSWER_SCHEMA


class _Config(types.GenerateContentConfig):
    def __contains__(self, name: object) -> bool:
        return False  # as the type itself says, after a look at all fields: what it is asked for are names

    def model_copy(self, **_: Any) -> Self:
        return self


class _Content(types.Content):
    def __contains__(self, name: object) -> bool:
        return False


class _Part(types.Part):
    def __contains__(self, name: object) -> bool:
        return False


_PART = _Part(text="")
_SAID = _Content(role="user")


def content_of(text: str) -> types.Content:
    """What the user says."""
    # Text is text: there is nothing to validate, and only it differs.
    return _SAID.model_copy(update={"parts": [_PART.model_copy(update={"text": text})]})


@lru_cache(maxsize=32)  # the same for all sessions of a language
def config_of(
    system: str, max_output_tokens: int, temperature: float, thinking_budget: int | None
) -> types.GenerateContentConfig:
    """The settings of a call: an answer by our schema, in one hop, without tools, as it comes from the wire."""
    thinking = None if thinking_budget is None else types.ThinkingConfig(thinking_budget=thinking_budget)
    return _Config(
        system_instruction=content_of(system),
        temperature=temperature,
        max_output_tokens=max_output_tokens,
        response_mime_type="application/json",
        response_json_schema=ANSWER_SCHEMA,
        thinking_config=thinking,
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
        should_return_http_response=True,
    )
