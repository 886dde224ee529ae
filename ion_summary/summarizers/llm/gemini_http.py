"""How does a request of Gemini's client reach the service, and its answer come back, over connections that are kept?

``httpx2``'s own connections take a millisecond more than that needs (docs/decisions/0005-asking-gemini.md): a pool
looks at each of its connections for each request, and every piece that is read or written has a deadline of its own.
Here is a transport beneath its client that sends a request in one piece and takes in the answer as it comes. What
HTTP/1.1 says is known to ``h11``, as it is in httpx2.

Importing this module imports the HTTP client: that is done when the first call is made.
"""

from __future__ import annotations

import asyncio  # noqa: TID253 - see above
import ssl
from typing import Any, cast
from urllib.request import getproxies

import h11
import httpx2

_KEEP_ALIVE_S = 30.0
_NEXT_ADDRESS_S = 0.25  # RFC 8305: a host may have addresses that do not answer
_LONGEST_HEAD = 100 * 1024  # bytes of the headers of an answer

_Origin = tuple[str, str, int]


def http_client(certificates: ssl.SSLContext) -> httpx2.AsyncClient:
    """A client of which as many calls at once may be made as one likes: the limiter counts them, and nobody else.

    Where the environment names a proxy, its connections are httpx2's own, which know how one is spoken to.

    Args:
        certificates: which servers are trusted.
    """
    if {"http", "https", "all"} & getproxies().keys():
        limits = httpx2.Limits(max_connections=None, max_keepalive_connections=None, keepalive_expiry=_KEEP_ALIVE_S)
        return httpx2.AsyncClient(limits=limits, verify=certificates, follow_redirects=True)
    return httpx2.AsyncClient(transport=Connections(certificates), follow_redirects=True)


class Connections(httpx2.AsyncBaseTransport):
    """Straight to the servers, a connection for each request that is under way.

    Args:
        certificates: which servers are trusted.
    """

    def __init__(self, certificates: ssl.SSLContext) -> None:
        self._certificates = certificates
        self._idle: dict[_Origin, list[_Connection]] = {}

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        """The answer to ``request``, read to its end. Raises httpx2.TransportError."""
        await request.aread()
        timeouts = request.extensions.get("timeout") or {}
        origin = _origin(request)
        connection = self._kept(origin) or await self._made(origin, timeouts.get("connect"))
        response = await connection.exchange(request, timeouts.get("read"))
        if connection.is_open:
            self._idle.setdefault(origin, []).append(connection)
        return response

    async def aclose(self) -> None:
        """Ends the connections that nobody uses."""
        for connections in self._idle.values():
            for connection in connections:
                connection.end()
        self._idle.clear()
        await asyncio.sleep(0)  # what ends takes note of it

    def _kept(self, origin: _Origin) -> _Connection | None:
        """The one that was used last: those that are not needed grow old."""
        idle = self._idle.get(origin, [])
        while idle:
            connection = idle.pop()
            if connection.is_fresh():
                return connection
            connection.end()
        return None

    async def _made(self, origin: _Origin, patience_s: float | None) -> _Connection:
        scheme, host, port = origin
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(patience_s):
                _, connection = await loop.create_connection(
                    _Connection,
                    host,
                    port,
                    ssl=self._certificates if scheme == "https" else None,
                    happy_eyeballs_delay=_NEXT_ADDRESS_S,
                )
        except TimeoutError as error:
            raise httpx2.ConnectTimeout(f"no connection to {host}") from error
        except OSError as error:
            raise httpx2.ConnectError(str(error)) from error
        return connection


class _Connection(asyncio.Protocol):
    """One connection, over which one request at a time goes."""

    def __init__(self) -> None:
        self.is_open = True
        self._loop = asyncio.get_running_loop()
        self._http = h11.Connection(h11.CLIENT, max_incomplete_event_size=_LONGEST_HEAD)
        self._transport: asyncio.Transport | None = None
        self._answered: asyncio.Future[None] | None = None
        self._head: h11.Response | None = None
        self._body: list[bytes] = []
        self._received = 0
        self._used_at = 0.0

    async def exchange(self, request: httpx2.Request, patience_s: float | None) -> httpx2.Response:
        """The answer to ``request``; ``patience_s``: seconds in which nothing happens after which it is given up.

        Raises httpx2.TransportError: then, and when this is cancelled, the connection is of no more use.
        """
        self._answered, self._head, self._body = self._loop.create_future(), None, []
        watch = _Watch(self, patience_s) if patience_s is not None else None
        try:
            self._send(request)
            await self._answered
        except BaseException:
            self.end()
            raise
        finally:
            self._answered = None
            if watch is not None:
                watch.end()
        return self._response()

    def is_fresh(self) -> bool:
        """Whether it may be used again."""
        return self.is_open and self._loop.time() - self._used_at < _KEEP_ALIVE_S

    def end(self) -> None:
        """Ends it, whatever is under way."""
        self.is_open = False
        if self._transport is not None:
            self._transport.abort()

    def fail(self, error: httpx2.TransportError) -> None:
        """Has the request that is under way fail."""
        if self._answered is not None and not self._answered.done():
            self._answered.set_exception(error)

    def progress(self) -> tuple[int, int]:
        """What changes as long as anything happens: bytes received, and bytes still to be sent."""
        return self._received, self._transport.get_write_buffer_size() if self._transport is not None else 0

    # -- what asyncio calls -------------------------------------------------------------------------------------------

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """It stands."""
        self._transport = cast("asyncio.Transport", transport)

    def data_received(self, data: bytes) -> None:
        """A piece of an answer has come."""
        self._received += len(data)
        self._http.receive_data(data)
        self._take_in()

    def eof_received(self) -> None:
        """The server says no more; the transport ends the connection."""
        self.is_open = False

    def connection_lost(self, exc: Exception | None) -> None:
        """It has ended: by itself (None), or because of something."""
        self.is_open = False
        if exc is not None:
            self.fail(httpx2.ReadError(str(exc)))
        elif self._answered is not None:
            self._http.receive_data(b"")  # which may be how an answer without a length ends
            self._take_in()

    # -- one request --------------------------------------------------------------------------------------------------

    def _send(self, request: httpx2.Request) -> None:
        events = (
            h11.Request(method=request.method, target=request.url.raw_path, headers=request.headers.raw),
            h11.Data(data=request.content),
            h11.EndOfMessage(),
        )
        try:
            pieces = [self._http.send(event) or b"" for event in events]
        except h11.LocalProtocolError as error:
            raise httpx2.LocalProtocolError(str(error)) from error
        assert self._transport is not None
        self._transport.write(b"".join(pieces))

    def _take_in(self) -> None:
        if self._answered is None or self._answered.done():  # nobody has asked for that
            self.end()
            return
        try:
            while self._takes(self._http.next_event()):
                pass
        except h11.RemoteProtocolError as error:
            self.fail(httpx2.RemoteProtocolError(str(error)))

    def _takes(self, event: object) -> bool:
        """Takes in a part of an answer; whether there may be another one already."""
        if isinstance(event, h11.Response):
            self._head = event
        elif isinstance(event, h11.Data):
            self._body.append(bytes(event.data))
        elif isinstance(event, h11.EndOfMessage) and self._answered is not None:
            self._answered.set_result(None)
            return False
        return isinstance(event, h11.Response | h11.Data | h11.InformationalResponse)

    def _response(self) -> httpx2.Response:
        head, body = self._head, b"".join(self._body)
        assert head is not None
        self._head, self._body, self._used_at = None, [], self._loop.time()
        if self._http.states == {h11.CLIENT: h11.DONE, h11.SERVER: h11.DONE} and not self._http.trailing_data[0]:
            self._http.start_next_cycle()
        else:
            self.end()
        extensions: dict[str, Any] = {"http_version": b"HTTP/" + head.http_version, "reason_phrase": head.reason}
        return httpx2.Response(head.status_code, headers=head.headers.raw_items(), content=body, extensions=extensions)


class _Watch:
    """Ends a request in which nothing has happened for ``patience_s`` seconds, twice that at the most."""

    def __init__(self, connection: _Connection, patience_s: float) -> None:
        self._connection = connection
        self._patience_s = patience_s
        self._timer: asyncio.TimerHandle
        self._wait()

    def end(self) -> None:
        """Nobody waits any more."""
        self._timer.cancel()

    def _wait(self) -> None:
        self._seen = self._connection.progress()
        self._timer = asyncio.get_running_loop().call_later(self._patience_s, self._look)

    def _look(self) -> None:
        if self._connection.progress() == self._seen:
            self._connection.fail(httpx2.ReadTimeout(f"nothing for {self._patience_s:g} s"))
        else:
            self._wait()


def _origin(request: httpx2.Request) -> _Origin:
    url = request.url
    ports = {"http": 80, "https": 443}
    if url.scheme not in ports:
        raise httpx2.UnsupportedProtocol(f"{url.scheme!r} is neither http nor https")
    return url.scheme, url.raw_host.decode("ascii"), url.port or ports[url.scheme]
