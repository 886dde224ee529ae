"""How is Gemini's client spoken to so that nothing is sent twice, waited for without end, or told to a log?"""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any, TypeVar

from ion_summary.errors import NoApiKeyError, ProviderError
from ion_summary.summarizers.llm import KEY_VARIABLES
from ion_summary.summarizers.llm.gemini_errors import from_exception

if TYPE_CHECKING:
    from google.genai import Client

DEFAULT_TIMEOUT_S = 60.0
_T = TypeVar("_T")


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


class GeminiClient:
    """One connected client of google-genai for a process.

    Args:
        key: the API key.
        base_url: another address of the API (a gateway, a test); None: that of Google, or ``GOOGLE_GEMINI_BASE_URL``.
        timeout_s: seconds after which a call is given up, however it is progressing.

    Raises NoApiKeyError if ``key`` is empty.
    """

    def __init__(self, key: str, base_url: str | None = None, timeout_s: float = DEFAULT_TIMEOUT_S) -> None:
        if not key.strip():
            raise NoApiKeyError(variables=" nor ".join(KEY_VARIABLES))
        self._key = Secret(key.strip())
        self._base_url = base_url
        self._timeout_s = timeout_s
        self._client: Client | None = None
        self._http: Any = None

    async def call(
        self, make: Callable[[Client], Awaitable[_T]], *, model: str = "", timeout_s: float | None = None
    ) -> _T:
        """What the call that ``make`` begins comes back with.

        Args:
            make: begins one call of the client.
            model: the model that it asks, if it asks one.
            timeout_s: seconds for this call, where the usual ones are too few.

        Raises a ProviderError for whatever goes wrong.
        """
        import asyncio

        client = self._connected()
        failure: ProviderError
        try:
            # The client's own timeout is per read: a server that drips would hold a call for ever.
            async with asyncio.timeout(timeout_s or self._timeout_s):
                return await make(client)
        except Exception as error:  # noqa: BLE001 - whatever the client lets through is a failure of this call
            failure = from_exception(error, model)
        # Raised out here, the failure has no context: the client's exception holds the request, with key and session.
        raise failure

    async def close(self) -> None:
        """Ends the connections."""
        client, http, self._client, self._http = self._client, self._http, None, None
        if client is not None:
            client.close()
            await http.aclose()

    def _connected(self) -> Client:
        """The client, made when it is first needed: importing it takes most of a second."""
        if self._client is None:
            import httpx2
            from google import genai
            from google.genai.types import HttpOptions, HttpRetryOptions

            from ion_summary.summarizers.llm.gemini_http import Connections

            _quieten()
            certificates = httpx2.create_ssl_context()
            self._http = Connections(certificates)
            options = HttpOptions(
                base_url=self._base_url,
                timeout=max(1, round(self._timeout_s * 1000)),
                retry_options=HttpRetryOptions(attempts=1),
                # Its own connections, so that the client never turns to aiohttp, which silently sends twice.
                httpx_async_client=self._http,
                # Read once: the client would read the system's certificates for three transports that nobody uses.
                async_client_args={"verify": certificates, "ssl": certificates},
            )
            self._client = genai.Client(vertexai=False, api_key=self._key.reveal(), http_options=options)
        return self._client


def _quieten() -> None:
    """Keeps the client from writing to standard error where nobody has asked for its log.

    It warns of a second key in the environment, which is not read, and of every name that the service has added to its
    enumerations since the client was made; what such a name means is said by ``gemini_response`` and ``batch``.
    """
    import logging
    import warnings

    logging.getLogger("google_genai").addHandler(logging.NullHandler())
    warnings.filterwarnings("ignore", message=r"\w+ is not a valid \w+\Z", category=UserWarning)
