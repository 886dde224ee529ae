"""Which connections do many calls at once go over, and why not over one pool?

Importing this module imports the HTTP client: that is done when the first call is made.
"""

from __future__ import annotations

import ssl
from functools import lru_cache
from typing import Any

import httpx2

_KEEP_ALIVE_S = 30.0
#: Whoever is not connected by then has sent nothing: that call is known to have cost nothing.
_CONNECT_S = 15.0


class Connections(httpx2.AsyncClient):
    """A client of which as many calls at once may be made as one likes: the limiter counts them, and nobody else.

    A pool looks at each of its connections twice for each request, and at the socket of those that are idle: with 128
    of them that takes longer than the request. So each call under way has a plain client, and with it a pool, for
    itself; the one that was last used is used first. Proxies of the environment are theirs to find.

    Only connecting has a time limit here: whoever makes a call has one for all of it (``gemini_client``), which six
    timers for its parts would not make any safer.

    Args:
        certificates: which servers are trusted.
    """

    def __init__(self, certificates: ssl.SSLContext) -> None:
        super().__init__(verify=certificates)
        self._certificates = certificates
        self._idle: list[httpx2.AsyncClient] = []

    def build_request(self, method: str, url: httpx2.URL | str, **given: Any) -> httpx2.Request:
        """The request, with a time limit for connecting only; its address is taken apart once for all of them."""
        return super().build_request(
            method, _parsed(str(url)), **given | {"extensions": {"timeout": {"connect": _CONNECT_S}}}
        )

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """The answer to ``request``, over a connection that nobody else uses."""
        client = self._idle.pop() if self._idle else self._plain()
        try:
            return await client.send(request, **options)
        finally:
            self._idle.append(client)

    async def aclose(self) -> None:
        """Ends all connections."""
        for client in self._idle:
            await client.aclose()
        await super().aclose()

    def _plain(self) -> httpx2.AsyncClient:
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=_KEEP_ALIVE_S)
        return httpx2.AsyncClient(limits=limits, verify=self._certificates, follow_redirects=True)


@lru_cache(maxsize=64)  # that of a model is the same for all calls
def _parsed(url: str) -> httpx2.URL:
    return httpx2.URL(url)
