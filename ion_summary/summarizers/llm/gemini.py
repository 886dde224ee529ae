"""How is one session summarized by Gemini, in exactly one HTTP call?

The real client of google-genai, with its own retries, function calls and continuations off: each of them can bill a
second time. Who wants to try again, wait or spend less wraps this summarizer (``stack``).
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummary
from ion_summary.summarizers.llm.estimate import Estimator
from ion_summary.summarizers.llm.gemini_client import DEFAULT_TIMEOUT_S, GeminiClient
from ion_summary.summarizers.llm.gemini_response import parsed, read
from ion_summary.summarizers.llm.prices import Prices, load
from ion_summary.summarizers.llm.prompt import ANSWER_SCHEMA, PROMPT_VERSION, build


class GeminiSummarizer:
    """Summarizes with a Gemini model.

    Args:
        key: the API key.
        model: the model's name, such as ``gemini-2.5-flash-lite``.
        base_url: another address of the API (a gateway, a test); None: that of Google, or ``GOOGLE_GEMINI_BASE_URL``.
        timeout_s: seconds after which a call is given up, however it is progressing.
        prices: the price table; None: the packaged one.

    Raises NoApiKeyError if ``key`` is empty.
    """

    def __init__(
        self,
        key: str,
        model: str,
        *,
        base_url: str | None = None,
        timeout_s: float = DEFAULT_TIMEOUT_S,
        prices: Prices | None = None,
    ) -> None:
        self.model = model
        self.prices = prices or load()
        self.estimator = Estimator()
        self.client = GeminiClient(key, base_url, timeout_s)

    @property
    def fingerprint(self) -> str:
        """Changes with the prompt, the schema and the model."""
        return fingerprint(self.model)

    def estimate(self, request: LlmRequest) -> Usage:
        """What one call for ``request`` will probably take."""
        return self.estimator.estimate(request)

    def ceiling(self, request: LlmRequest) -> Usage:
        """The most that one call for ``request`` can take."""
        return self.estimator.ceiling(request)

    async def summarize(self, request: LlmRequest) -> LlmSummary:
        """The summary of one session, in one call. Raises a ProviderError."""
        prompt = build(request)
        from ion_summary.summarizers.llm.gemini_types import config_of, content_of

        budget = thinking_budget(self.model)
        config = config_of(prompt.system, prompt.max_output_tokens, request.temperature, budget)
        response = await self.client.call(
            lambda client: client.aio.models.generate_content(
                model=self.model, contents=content_of(prompt.text), config=config
            ),
            model=self.model,
        )
        answer = response.sdk_http_response
        summary = read(parsed(answer.body if answer is not None else None), request, self.model, self.prices)
        self.estimator.learn(request, summary.usage)
        return summary

    async def close(self) -> None:
        """Ends the connections."""
        await self.client.close()


def body(model: str, request: LlmRequest) -> dict[str, Any]:
    """The JSON of one call, as a line of a batch needs it: the same that ``summarize`` has the client send."""
    prompt = build(request)
    config: dict[str, Any] = {
        "temperature": request.temperature,
        "maxOutputTokens": prompt.max_output_tokens,
        "responseMimeType": "application/json",
        "responseJsonSchema": ANSWER_SCHEMA,
    }
    budget = thinking_budget(model)
    if budget is not None:
        config["thinkingConfig"] = {"thinkingBudget": budget}
    return {
        "contents": [{"parts": [{"text": prompt.text}], "role": "user"}],
        "systemInstruction": {"parts": [{"text": prompt.system}], "role": "user"},
        "generationConfig": config,
    }


@lru_cache
def fingerprint(model: str) -> str:
    """What identifies prompt, schema and model in the key of a reusable result."""
    import json
    from hashlib import sha256

    schema = sha256(json.dumps(ANSWER_SCHEMA, sort_keys=True).encode()).hexdigest()[:8]
    return f"gemini/{model}/prompt-{PROMPT_VERSION}/schema-{schema}"


def thinking_budget(model: str) -> int | None:
    """How many tokens the model may think: none where that can be switched off, else what it does by itself."""
    return 0 if model.removeprefix("models/").startswith("gemini-2.5-flash") else None
