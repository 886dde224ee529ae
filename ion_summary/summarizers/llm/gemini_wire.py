"""How do the bytes of a request reach the provider, and those of its answer come back, at the least cost?

A network of httpcore2 straight on asyncio. Its own goes by way of anyio, which switches the reading of every
connection on and off, puts a cancel scope around each read and write, and describes the socket twice for each request
(docs/decisions/0005-asking-gemini.md).

Importing this module imports the HTTP client: that is done when the first call is made.
"""

from __future__ import annotations

import asyncio  # noqa: TID253 - see above
import ssl
from collections.abc import Iterable
from typing import Any

import httpcore2

# What is sent is held until so much is there, or an answer is waited for: head and body of a request go as one.
_HELD_BYTES = 65_536
# A server that goes on talking while nobody listens is not listened to beyond this.
_MOST_ARRIVED_BYTES = 1_048_576
# Seconds until the next address of a host is tried beside the first (RFC 8305, section 5).
_NEXT_ADDRESS_S = 0.25


class Network(httpcore2.AsyncNetworkBackend):
    """Connects, in the event loop that runs."""

    async def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore2.SOCKET_OPTION] | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """A connection. Raises ConnectTimeout, ConnectError."""
        local = None if local_address is None else (local_address, 0)
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout):
                _, line = await loop.create_connection(
                    _Line, host, port, local_addr=local, happy_eyeballs_delay=_NEXT_ADDRESS_S
                )
        except TimeoutError as error:
            raise httpcore2.ConnectTimeout(str(error)) from error
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        for option in socket_options or ():
            line.transport.get_extra_info("socket").setsockopt(*option)
        return Wire(line)

    async def sleep(self, seconds: float) -> None:
        """Waits."""
        await asyncio.sleep(seconds)


class _Line(asyncio.Protocol):
    """What has arrived and has not been read yet."""

    transport: asyncio.Transport

    def __init__(self) -> None:
        self.arrived = bytearray()
        self.ended = False
        self.broken: Exception | None = None
        self.full = False
        self._waiting: asyncio.Future[None] | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self.transport = transport

    def data_received(self, data: bytes) -> None:
        self.arrived += data
        if len(self.arrived) > _MOST_ARRIVED_BYTES:
            self.transport.pause_reading()
        self._wake()

    def eof_received(self) -> None:
        self.ended = True
        self._wake()

    def connection_lost(self, exc: Exception | None) -> None:
        self.ended, self.broken = True, exc
        self._wake()

    def pause_writing(self) -> None:
        self.full = True

    def resume_writing(self) -> None:
        self.full = False
        self._wake()

    def take(self, most: int) -> bytes:
        """Up to so many bytes of what has arrived."""
        data = bytes(self.arrived[:most])
        del self.arrived[:most]
        if not self.transport.is_reading() and not self.ended:
            self.transport.resume_reading()
        return data

    async def change(self) -> None:
        """Waits until something has happened."""
        self._waiting = asyncio.get_running_loop().create_future()
        try:
            await self._waiting
        finally:
            self._waiting = None

    def _wake(self) -> None:
        if self._waiting is not None and not self._waiting.done():
            self._waiting.set_result(None)


class Wire(httpcore2.AsyncNetworkStream):
    """One connection."""

    def __init__(self, line: _Line) -> None:
        self._line = line
        self._held: list[bytes] = []
        self._held_bytes = 0

    async def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """What has arrived, b"" at the end. Raises ReadTimeout, ReadError."""
        self._send()
        line = self._line
        if not line.arrived and not line.ended:
            try:
                async with asyncio.timeout(timeout):
                    await line.change()
            except TimeoutError as error:
                raise httpcore2.ReadTimeout(str(error)) from error
        if not line.arrived and line.broken is not None:
            raise httpcore2.ReadError(str(line.broken)) from line.broken
        return line.take(max_bytes)

    async def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Sends, at the latest when something is read. Raises WriteTimeout, WriteError."""
        self._held.append(buffer)
        self._held_bytes += len(buffer)
        if self._held_bytes < _HELD_BYTES:
            return
        self._send()
        try:
            async with asyncio.timeout(timeout):
                while self._line.full and not self._line.ended:
                    await self._line.change()
        except TimeoutError as error:
            raise httpcore2.WriteTimeout(str(error)) from error
        if self._line.ended:
            raise httpcore2.WriteError("the connection has ended")

    async def aclose(self) -> None:
        """Ends the connection; what is under way is not waited for."""
        self._line.transport.abort()

    async def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,
    ) -> httpcore2.AsyncNetworkStream:
        """The same connection, encrypted. Raises ConnectTimeout, ConnectError."""
        line, loop = self._line, asyncio.get_running_loop()
        if line.arrived:  # whoever is in between could put an answer there, which would pass for an encrypted one
            line.transport.abort()
            raise httpcore2.ConnectError("the server speaks before the encryption has begun")
        try:
            async with asyncio.timeout(timeout):
                transport = await loop.start_tls(line.transport, line, ssl_context, server_hostname=server_hostname)
        except TimeoutError as error:
            line.transport.abort()
            raise httpcore2.ConnectTimeout(str(error)) from error
        except (OSError, ssl.SSLError) as error:
            line.transport.abort()
            raise httpcore2.ConnectError(str(error)) from error
        assert transport is not None
        line.transport = transport
        return Wire(line)

    def get_extra_info(self, info: str) -> Any:
        """What httpcore2 asks: whether an idle one ``is_readable``, which means at its end; its ``ssl_object``."""
        if info == "is_readable":
            return bool(self._line.arrived) or self._line.ended
        return self._line.transport.get_extra_info(info)

    def _send(self) -> None:
        if self._held:
            self._line.transport.write(b"".join(self._held))
            self._held.clear()
            self._held_bytes = 0
