"""Which connections do many calls at once go over, and why not over one pool?

Importing this module imports the HTTP client: that is done when the first call is made.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Awaitable, Callable
from functools import lru_cache
from typing import Any
from urllib.request import getproxies

import httpcore2
import httpx2

from ion_summary.summarizers.llm.gemini_wire import Network

_KEEP_ALIVE_S = 30.0
#: Whoever is not connected by then has sent nothing: that call is known to have cost nothing.
_CONNECT_S = 15.0
_EXTENSIONS = {"timeout": {"connect": _CONNECT_S}}


class Connections(httpx2.AsyncClient):
    """A client of which as many calls at once may be made as one likes: the limiter counts them, and nobody else.

    Only connecting has a time limit here: whoever makes a call has one for all of it (``gemini_client``), which six
    timers for its parts would not make any safer. Proxies of the environment have pools, as they have anywhere.

    A plain POST, as every question to a model is, goes straight to its connection. What the client does besides for
    each request (cookies, signing, hooks, a log, merging the same headers again) is for others.

    No redirect is followed: the interface has none, and whoever is named in one would be given the key.

    Args:
        certificates: which servers are trusted.
    """

    def __init__(self, certificates: ssl.SSLContext) -> None:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=_KEEP_ALIVE_S)
        proxies, direct = getproxies(), _Direct(certificates)
        mounts = {} if "all" in proxies else {"all://": direct}
        super().__init__(limits=limits, verify=certificates, follow_redirects=False, mounts=mounts)
        self._straight = None if proxies else direct
        self._headers_of = lru_cache(maxsize=16)(self._with_own)  # those of all questions are the same

    async def request(self, method: str, url: httpx2.URL | str, **given: Any) -> httpx2.Response:
        """The answer to a request, all of it. Raises the errors of httpcore2 and httpx2."""
        plain = method.upper() == "POST" and given.keys() == {"headers", "content", "timeout"}
        if not plain or self._straight is None or self.is_closed:
            return await super().request(method, url, **given)
        asked = httpx2.Request(
            method,
            _parsed(str(url)),
            headers=self._headers_of(tuple(given["headers"].items())),
            content=given["content"],
            extensions=_EXTENSIONS,
        )
        answer = await self._straight.handle_async_request(asked)
        answer.request = asked
        try:
            await answer.aread()
        finally:
            await answer.aclose()
        return answer

    def build_request(self, method: str, url: httpx2.URL | str, **given: Any) -> httpx2.Request:
        """The request, with a time limit for connecting only; its address is taken apart once for all of them."""
        return super().build_request(method, _parsed(str(url)), **given | {"extensions": _EXTENSIONS})

    def _with_own(self, given: tuple[tuple[str, str], ...]) -> httpx2.Headers:
        headers = httpx2.Headers(self.headers)
        headers.update(dict(given))
        return headers


class _Direct(httpx2.AsyncBaseTransport):
    """Connections without a pool: each call under way has one to itself, and the one last used is used first.

    A pool looks at each of its connections twice for each request, and at the socket of those that are idle: with 128
    of them that takes longer than the request.
    """

    def __init__(self, certificates: ssl.SSLContext) -> None:
        self._certificates = certificates
        self._idle: dict[str, list[httpcore2.AsyncHTTPConnection]] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to ``request``. Raises the errors of httpcore2, which are named as those of httpx2 are."""
        url = request.url
        asked = httpcore2.Request(
            request.method,
            httpcore2.URL(scheme=url.raw_scheme, host=url.raw_host, port=url.port, target=url.raw_path),
            headers=request.headers.raw,
            content=request.stream,
            extensions=request.extensions,
        )
        origin = asked.url.origin
        idle = self._idle.setdefault(str(origin), [])
        connection = await _unended(idle) or httpcore2.AsyncHTTPConnection(
            origin, self._certificates, keepalive_expiry=_KEEP_ALIVE_S, network_backend=Network()
        )
        try:
            answer = await connection.handle_async_request(asked)
        except BaseException:
            await connection.aclose()
            raise

        async def done() -> None:
            await answer.aclose()
            idle.append(connection)

        response = httpx2.Response(
            answer.status, headers=answer.headers, stream=_Body(answer, done), extensions=answer.extensions
        )
        response.encoding = "utf-8"  # as all JSON (RFC 8259): the client would have it found out for each answer
        return response

    async def aclose(self) -> None:
        """Ends all connections that are idle."""
        for connections in self._idle.values():
            for connection in connections:
                await connection.aclose()
        self._idle.clear()


class _Body(httpx2.AsyncByteStream):
    """The bytes of an answer; ``done`` is called when nobody wants any more of them."""

    def __init__(self, answer: httpcore2.Response, done: Callable[[], Awaitable[None]]) -> None:
        self._answer = answer
        self._done = done

    async def __aiter__(self) -> AsyncIterator[bytes]:
        async for part in self._answer.aiter_stream():
            yield part

    async def aclose(self) -> None:
        """Gives the connection back."""
        await self._done()


async def _unended(idle: list[httpcore2.AsyncHTTPConnection]) -> httpcore2.AsyncHTTPConnection | None:
    """The last of the idle connections that can still be used, taken out."""
    while idle:
        connection = idle.pop()
        if connection.is_available() and not connection.has_expired():
            return connection
        await connection.aclose()
    return None


@lru_cache(maxsize=64)  # that of a model is the same for all calls
def _parsed(url: str) -> httpx2.URL:
    return httpx2.URL(url)
