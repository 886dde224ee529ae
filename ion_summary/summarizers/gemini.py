"""How is one session summarized by Gemini, in exactly one HTTP call?

The real client of google-genai, with its own retries, function calls and continuations off: each of them can bill a
second time. Who wants to try again, wait or spend less wraps this summarizer (``retrying``, ``limits``, ``spending``).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from ion_summary.errors import NoApiKeyError, ProviderError
from ion_summary.model import Usage
from ion_summary.summarizers.estimate import Estimator
from ion_summary.summarizers.gemini_errors import from_exception
from ion_summary.summarizers.gemini_response import read
from ion_summary.summarizers.llm import KEY_VARIABLES, LlmRequest, LlmSummary
from ion_summary.summarizers.prices import Prices, load
from ion_summary.summarizers.prompt import ANSWER_SCHEMA, PROMPT_VERSION, Prompt, build

if TYPE_CHECKING:
    from google.genai import Client
    from google.genai.types import GenerateContentConfig, GenerateContentResponse

DEFAULT_TIMEOUT_S = 60.0
_KEEP_ALIVE_S = 30.0


class Secret:
    """A key that is seen only by who asks for it: in no repr, no format, no pickle."""

    __slots__ = ("_hidden",)

    def __init__(self, text: str) -> None:
        self._hidden = text

    def reveal(self) -> str:
        """The key itself."""
        return self._hidden

    def __repr__(self) -> str:
        return "Secret(…)"

    def __reduce__(self) -> str:
        raise TypeError("a secret is not written down")


class GeminiSummarizer:
    """Summarizes with a Gemini model.

    Args:
        key: the API key.
        model: the model's name, such as ``gemini-2.5-flash-lite``.
        base_url: another address of the API (a gateway, a test); None: that of Google, or ``GOOGLE_GEMINI_BASE_URL``.
        timeout_s: seconds after which a call is given up, however it is progressing.
        prices: the price table; None: the packaged one.
        estimator: what is known about token counts; shared by summarizers of one run.

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
        estimator: Estimator | None = None,
    ) -> None:
        if not key.strip():
            raise NoApiKeyError(variables=" nor ".join(KEY_VARIABLES))
        self.model = model
        self.prices = prices or load()
        self.estimator = estimator or Estimator()
        self._key = Secret(key.strip())
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._client: Client | None = None
        self._http: Any = None

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
        response = await self._call(build(request), request.temperature)
        summary = read(response, request, self.model, self.prices)
        self.estimator.learn(request, summary.usage)
        return summary

    async def close(self) -> None:
        """Ends the connections."""
        client, http, self._client, self._http = self._client, self._http, None, None
        if client is not None:
            client.close()
            await http.aclose()

    async def _call(self, prompt: Prompt, temperature: float) -> GenerateContentResponse:
        import asyncio

        client, config = self.client(), _config(self.model, prompt, temperature)
        failure: ProviderError
        try:
            # The client's own timeout is per read: a server that drips would hold a call for ever.
            async with asyncio.timeout(self._timeout_s):
                return await client.aio.models.generate_content(model=self.model, contents=prompt.text, config=config)
        except Exception as error:  # noqa: BLE001 - whatever the client lets through is a failure of this call
            failure = from_exception(error, self.model)
        # Raised out here, the failure has no context: the client's exception holds the request, with key and session.
        raise failure

    def client(self) -> Client:
        """The connected client, made when it is first needed: importing it takes most of a second."""
        if self._client is None:
            from google import genai
            from google.genai.types import HttpOptions, HttpRetryOptions

            self._http = _http_client()
            options = HttpOptions(
                base_url=self._base_url,
                timeout=max(1, round(self._timeout_s * 1000)),
                retry_options=HttpRetryOptions(attempts=1),
                # Its own connections, so that the client never turns to aiohttp, which silently sends twice.
                httpx_async_client=self._http,
            )
            self._client = genai.Client(vertexai=False, api_key=self._key.reveal(), http_options=options)
        return self._client


def fingerprint(model: str) -> str:
    """What identifies prompt, schema and model in the key of a reusable result."""
    import json
    from hashlib import sha256

    schema = sha256(json.dumps(ANSWER_SCHEMA, sort_keys=True).encode()).hexdigest()[:8]
    return f"gemini/{model}/prompt-{PROMPT_VERSION}/schema-{schema}"


def thinking_budget(model: str) -> int | None:
    """How many tokens the model may think: none where that can be switched off, else what it does by itself."""
    return 0 if model.removeprefix("models/").startswith(("gemini-2.5-flash-lite", "gemini-2.5-flash")) else None


def _config(model: str, prompt: Prompt, temperature: float) -> GenerateContentConfig:
    from google.genai import types

    budget = thinking_budget(model)
    return types.GenerateContentConfig(
        system_instruction=prompt.system,
        temperature=temperature,
        max_output_tokens=prompt.max_output_tokens,
        response_mime_type="application/json",
        response_json_schema=ANSWER_SCHEMA,
        thinking_config=None if budget is None else types.ThinkingConfig(thinking_budget=budget),
        automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
        automatic_continuation=False,
    )


def _http_client() -> Any:
    """Connections as many as there are calls at once, which the limiter counts, and kept for the next ones."""
    import httpx2

    limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=_KEEP_ALIVE_S)
    return httpx2.AsyncClient(limits=limits, follow_redirects=True)
