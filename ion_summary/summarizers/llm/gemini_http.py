"""Which connections do many calls at once go over, and why not over one pool?

Importing this module imports the HTTP client: that is done when the first call is made.
"""

from __future__ import annotations

import ssl
from itertools import cycle
from typing import Any

import httpx2

_KEEP_ALIVE_S = 30.0
#: A pool looks at each of its connections for each request: with 128 of them that takes longer than the request.
_POOLS = 16


class Connections(httpx2.AsyncClient):
    """A client of which as many calls at once may be made as one likes: the limiter counts them, and nobody else.

    Requests go to several plain clients in turn. Proxies of the environment are theirs to find.

    Args:
        certificates: which servers are trusted.
    """

    def __init__(self, certificates: ssl.SSLContext) -> None:
        super().__init__(verify=certificates)
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=_KEEP_ALIVE_S)
        self._clients = [
            httpx2.AsyncClient(limits=limits, verify=certificates, follow_redirects=True) for _ in range(_POOLS)
        ]
        self._turns = cycle(self._clients)

    async def send(self, request: httpx2.Request, **options: Any) -> httpx2.Response:
        """The answer to ``request``, over the connections whose turn it is."""
        return await next(self._turns).send(request, **options)

    async def aclose(self) -> None:
        """Ends all connections."""
        for client in self._clients:
            await client.aclose()
        await super().aclose()
