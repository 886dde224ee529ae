"""Do requests and answers come over whole, whatever HTTP/1.1 allows a server to do, and what does not is an error?"""

from __future__ import annotations

import asyncio
import datetime
import gc
import gzip
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import httpx2
import pytest

from ion_summary.summarizers.llm.gemini_http import Connections, http_client
from tests.summarizers.conftest import run

SAID = "환불 요청: 30,000원 ✓".encode()
LENGTH = b"Content-Length: %d\r\n" % len(SAID)
OK = b"HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\n"

# What the server sends, in pieces, and whether the connection can be used again.
ANSWERS: dict[str, tuple[list[bytes], bool]] = {
    "a length": ([OK + LENGTH + b"\r\n" + SAID], True),
    "byte by byte": ([bytes([byte]) for byte in OK + LENGTH + b"\r\n" + SAID], True),
    "chunks": ([OK + b"Transfer-Encoding: chunked\r\n\r\n", b"2\r\n" + SAID[:2] + b"\r\n",
                b"%x\r\n%s\r\n" % (len(SAID) - 2, SAID[2:]), b"0\r\n\r\n"], True),
    "gzip": ([OK + b"Content-Encoding: gzip\r\nContent-Length: %d\r\n\r\n" % len(gzip.compress(SAID)),
              gzip.compress(SAID)], True),
    "something before it": ([b"HTTP/1.1 100 Continue\r\n\r\n", OK + LENGTH + b"\r\n" + SAID], True),
    "the connection's end": ([OK + b"Connection: close\r\n\r\n" + SAID, b"END"], False),
    "an announced end": ([OK + LENGTH + b"Connection: close\r\n\r\n" + SAID], False),
    "an old protocol": ([OK.replace(b"1.1", b"1.0") + b"\r\n" + SAID, b"END"], False),
    "more than was asked for": ([OK + LENGTH + b"\r\n" + SAID + b"HTTP/1.1 200 OK\r\n"], False),
}  # fmt: skip
FAILURES: dict[str, tuple[list[bytes], type[httpx2.TransportError]]] = {
    "nothing": ([b"END"], httpx2.RemoteProtocolError),
    "half of the head": ([OK, b"END"], httpx2.RemoteProtocolError),
    "half of the body": ([OK + LENGTH + b"\r\n" + SAID[:5], b"END"], httpx2.RemoteProtocolError),
    "half of the chunks": ([OK + b"Transfer-Encoding: chunked\r\n\r\n5\r\nab", b"END"], httpx2.RemoteProtocolError),
    "a broken connection": ([OK + LENGTH + b"\r\n" + SAID[:5], b"RESET"], httpx2.ReadError),
    "another language": ([b"220 smtp.example.com ESMTP\r\n\r\n"], httpx2.RemoteProtocolError),
    "a head without end": ([OK, *[b"X-%d: " % n + b"x" * 1000 + b"\r\n" for n in range(200)]],
                           httpx2.RemoteProtocolError),
    "silence": ([OK + LENGTH + b"\r\n", b"WAIT"], httpx2.ReadTimeout),
}  # fmt: skip


class Server:
    """Sends the same pieces for each request, and counts; ``after`` is done when they are sent."""

    def __init__(self, pieces: list[bytes], after: Callable[[asyncio.StreamWriter], None] = lambda _: None) -> None:
        self.pieces, self.after = pieces, after
        self.connections = 0
        self.bodies: list[bytes] = []

    async def talk(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                (length,) = [line for line in head.lower().split(b"\r\n") if line.startswith(b"content-length")]
                self.bodies.append(await reader.readexactly(int(length.split()[1])))
                for piece in self.pieces:
                    await self.send(piece, writer)
                self.after(writer)
        except (asyncio.IncompleteReadError, asyncio.CancelledError, ConnectionError):
            pass
        finally:
            writer.close()

    async def send(self, piece: bytes, writer: asyncio.StreamWriter) -> None:
        if piece == b"WAIT":
            await asyncio.sleep(30)
        elif piece == b"RESET":
            await asyncio.sleep(0.05)  # what was sent has come
            at_once = struct.pack("ii", 1, 0)
            writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, at_once)
            writer.transport.abort()
        elif piece == b"END":
            writer.close()
        else:
            writer.write(piece)
            await writer.drain()
            await asyncio.sleep(0)


@asynccontextmanager
async def serving(server: Server, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    tasks: set[asyncio.Task[None]] = set()

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        tasks.add(task)
        await server.talk(reader, writer)

    listening = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    yield f"http{'s' if tls else ''}://localhost:{listening.sockets[0].getsockname()[1]}/v1"
    listening.close()
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def asking(server: Server, ask: Callable[[httpx2.AsyncClient, str], Awaitable[None]]) -> None:
    async def work() -> None:
        async with (
            serving(server) as url,
            httpx2.AsyncClient(transport=Connections(httpx2.create_ssl_context()), timeout=10) as client,
        ):
            await ask(client, url)

    run(work())
    gc.collect()  # an unclosed connection would warn, and a warning fails


@pytest.mark.parametrize("how", ANSWERS)
def test_an_answer_comes_over_whole(how: str) -> None:
    pieces, is_kept = ANSWERS[how]
    server = Server(pieces)

    async def ask(client: httpx2.AsyncClient, url: str) -> None:
        for number in range(3):
            answer = await client.post(url, content=b"%d" % number)
            assert (answer.status_code, answer.reason_phrase, answer.text) == (200, "OK", SAID.decode())
            await asyncio.sleep(0.02)

    asking(server, ask)
    assert server.bodies == [b"0", b"1", b"2"]
    assert server.connections == (1 if is_kept else 3)


@pytest.mark.parametrize("how", FAILURES)
def test_what_is_no_answer_is_an_error_and_ends_the_connection(how: str) -> None:
    pieces, error = FAILURES[how]
    server = Server(pieces)

    async def ask(client: httpx2.AsyncClient, url: str) -> None:
        client.timeout = httpx2.Timeout(10, read=0.1)
        for _ in range(2):
            with pytest.raises(httpx2.TransportError) as caught:
                await client.post(url, content=b"x")
            assert type(caught.value) is error

    asking(server, ask)
    assert server.connections == 2 and len(server.bodies) == 2  # nothing is sent again by itself


def test_what_comes_slowly_is_waited_for() -> None:
    server = Server([OK + b"Content-Length: 8\r\n\r\n"])

    async def slowly(piece: bytes, writer: asyncio.StreamWriter) -> None:
        writer.write(piece)
        for _ in range(8):
            await asyncio.sleep(0.06)
            writer.write(b".")

    async def ask(client: httpx2.AsyncClient, url: str) -> None:
        client.timeout = httpx2.Timeout(10, read=0.15)
        assert (await client.post(url, content=b"x")).content == b"." * 8

    server.send = slowly  # type: ignore[method-assign]
    asking(server, ask)


@pytest.mark.parametrize("after", ["close", "unasked"])
def test_a_connection_that_has_ended_or_speaks_unasked_is_not_used(after: str) -> None:
    def end(writer: asyncio.StreamWriter) -> None:
        if after == "close":
            writer.close()
        else:
            asyncio.get_running_loop().call_later(0.01, writer.write, b"HTTP/1.1 408 Request Timeout\r\n\r\n")

    server = Server([OK + LENGTH + b"\r\n" + SAID], end)

    async def ask(client: httpx2.AsyncClient, url: str) -> None:
        for _ in range(3):
            assert (await client.post(url, content=b"x")).content == SAID
            await asyncio.sleep(0.05)

    asking(server, ask)
    assert server.connections == 3


def test_many_requests_at_once_use_a_connection_each_and_then_the_same_ones() -> None:
    server = Server([OK + LENGTH + b"\r\n" + SAID])

    async def ask(client: httpx2.AsyncClient, url: str) -> None:
        for _ in range(3):
            answers = await asyncio.gather(*[client.post(url, content=b"%d" % number) for number in range(50)])
            assert {answer.content for answer in answers} == {SAID}

    asking(server, ask)
    assert server.connections == 50 and len(server.bodies) == 150


def test_a_request_that_is_cancelled_takes_its_connection_with_it() -> None:
    server = Server([OK + LENGTH + b"\r\n", b"WAIT"])

    async def ask(client: httpx2.AsyncClient, url: str) -> None:
        task = asyncio.ensure_future(client.post(url, content=b"x"))
        while not server.bodies:
            await asyncio.sleep(0.01)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        server.pieces = [OK + LENGTH + b"\r\n" + SAID]
        assert (await client.post(url, content=b"y")).content == SAID

    asking(server, ask)
    assert server.connections == 2


def test_megabytes_go_and_come() -> None:
    large = bytes(range(256)) * 4096 * 8
    server = Server([OK + b"Content-Length: %d\r\n\r\n" % len(large), large])

    async def pieces() -> AsyncIterator[bytes]:
        for start in range(0, len(large), 100_000):
            yield large[start : start + 100_000]

    async def ask(client: httpx2.AsyncClient, url: str) -> None:
        assert (await client.post(url, content=large)).content == large
        given = {"Content-Length": str(len(large))}
        assert (await client.post(url, content=pieces(), headers=given)).content == large

    asking(server, ask)
    assert server.bodies == [large, large]


def test_nobody_there_is_an_error_before_anything_is_sent() -> None:
    async def work() -> None:
        async with httpx2.AsyncClient(transport=Connections(httpx2.create_ssl_context())) as client:
            with pytest.raises(httpx2.ConnectError):
                await client.post("http://127.0.0.1:9/v1", content=b"x")
            with pytest.raises(httpx2.ConnectError):
                await client.post("http://gemini.invalid/v1", content=b"x")
            with pytest.raises(httpx2.UnsupportedProtocol):
                await client.post("ftp://127.0.0.1/v1", content=b"x")

    run(work())


def test_certificates_are_checked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    certificate = self_signed(tmp_path)
    tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    tls.load_cert_chain(certificate)
    server = Server([OK + LENGTH + b"\r\n" + SAID])

    async def ask(url: str) -> bytes:
        async with httpx2.AsyncClient(transport=Connections(httpx2.create_ssl_context())) as client:
            for _ in range(2):
                answer = await client.post(url, content=b"x")
            return answer.content

    async def work() -> None:
        async with serving(server, tls) as url:
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):
                await ask(url)
            monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
            assert await ask(url) == SAID
            with pytest.raises(httpx2.ConnectError, match="CERTIFICATE_VERIFY_FAILED"):  # of another name
                await ask(url.replace("localhost", "127.0.0.1"))

    run(work())
    assert server.connections == 1
    gc.collect()


def self_signed(directory: Path) -> Path:
    """Key and certificate of ``localhost``, in one file."""
    from cryptography import x509  # of google-auth
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    written = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    path = directory / "localhost.pem"
    path.write_bytes(written + certificate.public_bytes(encoding))
    return path


@pytest.mark.parametrize("variable", ["HTTPS_PROXY", "ALL_PROXY", "NO_PROXY", ""])
def test_proxies_are_spoken_to_by_who_knows_how(variable: str, monkeypatch: pytest.MonkeyPatch) -> None:
    for scheme in ("http", "https", "all", "no"):
        monkeypatch.delenv(f"{scheme}_proxy", raising=False)
        monkeypatch.delenv(f"{scheme}_proxy".upper(), raising=False)
    if variable:
        monkeypatch.setenv(variable, "http://127.0.0.1:9")
    asked: list[httpx2.Request] = []

    async def ours(_: Connections, request: httpx2.Request) -> httpx2.Response:
        asked.append(request)
        return httpx2.Response(200)

    monkeypatch.setattr(Connections, "handle_async_request", ours)

    async def work() -> None:
        async with http_client(httpx2.create_ssl_context()) as client:
            await client.post("https://localhost/v1", content=b"x")

    if variable in ("HTTPS_PROXY", "ALL_PROXY"):
        with pytest.raises(httpx2.ConnectError):
            run(work())
    else:
        run(work())
    assert len(asked) == (variable in ("NO_PROXY", ""))
