"""Just enough of HTTP/1.1: requests with a length, kept connections, and ways to break off in the middle."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qs, urlsplit

_REASONS = {200: "OK", 400: "Bad Request", 404: "Not Found", 429: "Too Many Requests", 503: "Service Unavailable"}


@dataclass
class Request:
    """One request, read to its end."""

    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]
    body: bytes

    def json(self) -> Any:
        return json.loads(self.body) if self.body else {}


@dataclass
class Response:
    """What is answered; ``drip_s`` sends a byte at a time, ``stall`` nothing more, ``drop`` closes instead."""

    status: int = 200
    body: bytes = b""
    headers: dict[str, str] = field(default_factory=dict)
    drip_s: float = 0.0
    stall: bool = False
    drop: bool = False
    cut: bool = False

    @classmethod
    def of(cls, value: Any, status: int = 200, **headers: str) -> Response:
        return cls(status, json.dumps(value, ensure_ascii=False).encode(), headers)


Handler = Callable[[Request], Awaitable[Response]]


async def serve(handler: Handler, host: str, port: int, came: Callable[[], None] = lambda: None) -> asyncio.Server:
    """Listens and has ``handler`` answer; ``came`` is told of each connection."""

    async def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came()
        try:
            while (request := await _read(reader)) is not None:
                response = await handler(request)
                if not await _write(writer, response):
                    break
        except (ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            pass
        finally:
            writer.close()

    return await asyncio.start_server(connected, host, port, limit=2**20, backlog=1024)


async def _read(reader: asyncio.StreamReader) -> Request | None:
    try:
        head = await reader.readuntil(b"\r\n\r\n")
    except asyncio.IncompleteReadError:
        return None
    first, *lines = head.decode("latin-1").rstrip().split("\r\n")
    method, target, _ = first.split(" ")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    body = await reader.readexactly(int(headers.get("content-length", 0)))
    parts = urlsplit(target)
    query = {name: values[-1] for name, values in parse_qs(parts.query).items()}
    return Request(method, parts.path, query, headers, body)


async def _write(writer: asyncio.StreamWriter, response: Response) -> bool:
    """Whether the connection can be used on."""
    if response.drop:
        writer.transport.abort()
        return False
    if response.stall:
        await asyncio.sleep(3600)
    reason = _REASONS.get(response.status, "Status")
    headers = {"Content-Type": "application/json; charset=UTF-8", "Content-Length": str(len(response.body))}
    headers |= response.headers
    head = f"HTTP/1.1 {response.status} {reason}\r\n" + "".join(f"{k}: {v}\r\n" for k, v in headers.items()) + "\r\n"
    if response.drip_s:
        writer.write(head.encode())
        for i in range(len(response.body)):
            writer.write(response.body[i : i + 1])
            await writer.drain()
            await asyncio.sleep(response.drip_s)
        return True
    if response.cut:
        writer.write(head.encode() + response.body[: len(response.body) // 2])
        await writer.drain()
        writer.transport.abort()
        return False
    writer.write(head.encode() + response.body)
    await writer.drain()
    return True
