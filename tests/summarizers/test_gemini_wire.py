"""Do bytes get to a server and back whole, encrypted too, whatever it does? Real sockets on loopback."""

from __future__ import annotations

import asyncio
import datetime
import ssl
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager, suppress
from pathlib import Path
from typing import Any

import httpcore2
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from ion_summary.errors import ProviderRefusedError
from ion_summary.summarizers.llm.gemini_errors import from_status
from ion_summary.summarizers.llm.gemini_http import Connections
from ion_summary.summarizers.llm.gemini_wire import Network
from tests.summarizers.conftest import run

Serve = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]
OK = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"
MUCH = bytes(range(256)) * 40_000


def soon(work: Coroutine[Any, Any, None]) -> None:
    """Runs ``work``, which waits for ever where something is wrong."""
    run(asyncio.wait_for(work, 20))


@asynccontextmanager
async def server(serve: Serve, encrypted: ssl.SSLContext | None = None) -> Any:
    """Its address; ``connections`` counts who came."""
    came: list[int] = []

    async def handle(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        came.append(1)
        with suppress(ConnectionError, asyncio.IncompleteReadError, asyncio.CancelledError):
            await serve(reader, writer)
        writer.transport.abort()

    listening = await asyncio.start_server(handle, "127.0.0.1", 0, ssl=encrypted)
    port = listening.sockets[0].getsockname()[1]
    try:
        yield port, came
    finally:
        listening.close()


async def head(reader: asyncio.StreamReader) -> bytes:
    return await reader.readuntil(b"\r\n\r\n")


async def polite(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers every request with what it was sent."""
    while True:
        length = int((await head(reader)).lower().partition(b"content-length: ")[2].partition(b"\r")[0] or 0)
        body = await reader.readexactly(length)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n%b" % (length, body))


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A key and its own certificate for 127.0.0.1, made for these tests and gone with them."""
    import ipaddress

    key, name = ec.generate_private_key(ec.SECP256R1()), x509.Name([])
    now = datetime.datetime.now(datetime.UTC)
    names = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(names, critical=True)
        .sign(key, hashes.SHA256())
    )
    path = tmp_path_factory.mktemp("tls") / "server.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + made.public_bytes(serialization.Encoding.PEM))
    return path


def serving(certificate: Path) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    return context


def test_much_goes_there_and_back_encrypted_over_one_connection(certificate: Path) -> None:
    async def work() -> None:
        async with server(polite, serving(certificate)) as (port, came):
            client = Connections(ssl.create_default_context(cafile=str(certificate)))
            for body in (b"", b"little", MUCH, b"again"):
                answer = await client.post(f"https://127.0.0.1:{port}/", content=body)
                assert answer.content == body
            assert len(came) == 1
            await client.aclose()

    soon(work())


def test_a_server_that_nobody_vouches_for_is_sent_nothing(certificate: Path) -> None:
    async def work() -> None:
        async with server(polite, serving(certificate)) as (port, _):
            client = Connections(ssl.create_default_context())
            with pytest.raises(httpcore2.ConnectError, match=r"(?i)certificate"):
                await client.post(f"https://127.0.0.1:{port}/", content=b"secret")
            await client.aclose()

    soon(work())


def test_what_is_said_before_the_encryption_is_no_answer(certificate: Path) -> None:
    async def hasty(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(OK)
        await reader.read()

    async def work() -> None:
        async with server(hasty) as (port, _):
            wire = await Network().connect_tcp("127.0.0.1", port)
            while not wire.get_extra_info("is_readable"):
                await asyncio.sleep(0.01)
            with pytest.raises(httpcore2.ConnectError, match="before the encryption"):
                await wire.start_tls(ssl.create_default_context(cafile=str(certificate)), "127.0.0.1")

    soon(work())


def test_a_connection_that_the_server_has_ended_is_not_used_again() -> None:
    async def once(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(OK)
        await writer.drain()
        await asyncio.sleep(0.02)

    async def work() -> None:
        async with server(once) as (port, came):
            client = Connections(ssl.create_default_context())
            for _ in range(3):
                assert (await client.get(f"http://127.0.0.1:{port}/")).text == "ok"
                await asyncio.sleep(0.1)
            assert len(came) == 3
            await client.aclose()

    soon(work())


def test_words_that_nobody_asked_for_are_not_taken_for_the_next_answer() -> None:
    async def talkative(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(OK)
        await asyncio.sleep(0.05)
        writer.write(OK.replace(b"ok", b"no"))
        await reader.read()

    async def work() -> None:
        async with server(talkative) as (port, came):
            client = Connections(ssl.create_default_context())
            assert (await client.get(f"http://127.0.0.1:{port}/")).text == "ok"
            await asyncio.sleep(0.2)
            assert (await client.get(f"http://127.0.0.1:{port}/")).text == "ok"
            assert len(came) == 2
            await client.aclose()

    soon(work())


def test_an_answer_that_comes_before_all_is_sent_is_read() -> None:
    async def full(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(b"HTTP/1.1 413 Too Large\r\ncontent-length: 0\r\nconnection: close\r\n\r\n")
        await asyncio.sleep(0.1)

    async def work() -> None:
        async with server(full) as (port, _):
            client = Connections(ssl.create_default_context())
            assert (await client.post(f"http://127.0.0.1:{port}/", content=MUCH)).status_code == 413
            await client.aclose()

    soon(work())


@pytest.mark.parametrize("part", [b"", b"HTTP/1.1 200", OK[:-1]])
def test_an_answer_that_breaks_off_is_none(part: bytes) -> None:
    async def gone(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await head(reader)
        writer.write(part)
        await writer.drain()

    async def work() -> None:
        async with server(gone) as (port, _):
            client = Connections(ssl.create_default_context())
            with pytest.raises((httpcore2.RemoteProtocolError, httpcore2.ReadError)):
                await client.get(f"http://127.0.0.1:{port}/")
            await client.aclose()

    soon(work())


def test_who_talks_without_end_fills_no_memory_and_loses_nothing() -> None:
    async def flood(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(MUCH)
        await writer.drain()
        writer.close()
        await reader.read()

    async def work() -> None:
        async with server(flood) as (port, _):
            wire: Any = await Network().connect_tcp("127.0.0.1", port)
            await asyncio.sleep(0.2)
            assert 0 < len(wire._line.arrived) < 2_000_000
            parts = []
            while part := await wire.read(65_536):
                parts.append(part)
            assert b"".join(parts) == MUCH
            await wire.aclose()

    soon(work())


def test_nobody_is_waited_for_longer_than_was_said() -> None:
    async def silent(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await asyncio.sleep(60)

    async def work() -> None:
        async with server(silent) as (port, _):
            wire = await Network().connect_tcp("127.0.0.1", port, timeout=5)
            with pytest.raises(httpcore2.ReadTimeout):
                await wire.read(1, timeout=0.05)
            with pytest.raises(httpcore2.WriteTimeout):
                await wire.write(bytes(50_000_000), timeout=0.05)
            await wire.aclose()

    soon(work())


QUESTION = {"headers": {"x-goog-api-key": "k", "Content-Type": "application/json"}, "content": b"{}", "timeout": 60.0}


def test_a_question_goes_the_short_way_with_the_same_bytes() -> None:
    came: list[bytes] = []

    async def keep(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            came.append(await head(reader) + await reader.readexactly(2))
            writer.write(OK.replace(b"\r\n\r\n", b"\r\nset-cookie: a=b; Path=/\r\n\r\n"))

    async def work() -> None:
        async with server(keep) as (port, connections):
            client = Connections(ssl.create_default_context())
            url = f"http://127.0.0.1:{port}/v1/models/m:generateContent"
            short = [await client.request("post", url, **QUESTION) for _ in range(2)]
            long = await client.send(client.build_request("post", url, **QUESTION))
            assert [(answer.status_code, answer.text) for answer in (*short, long)] == [(200, "ok")] * 3
            assert came[0] == came[1] == came[2]
            assert b"x-goog-api-key: k" in came[0]
            assert len(connections) == 1
            await client.aclose()
            with pytest.raises(RuntimeError, match="closed"):
                await client.request("post", url, **QUESTION)

    soon(work())


def test_a_question_that_is_sent_elsewhere_goes_nowhere() -> None:
    came: list[bytes] = []

    async def moved(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while True:
            came.append(await head(reader) + await reader.readexactly(2))
            writer.write(b"HTTP/1.1 307 Temporary Redirect\r\nlocation: /there\r\ncontent-length: 0\r\n\r\n")

    async def work() -> None:
        async with server(moved) as (port, _):
            client = Connections(ssl.create_default_context())
            url = f"http://127.0.0.1:{port}/here"
            short = await client.request("post", url, **QUESTION)
            long = await client.send(client.build_request("post", url, **QUESTION))
            assert (short.status_code, long.status_code) == (307, 307)
            assert [each.startswith(b"POST /here ") for each in came] == [True, True]
            await client.aclose()

    soon(work())


def test_a_redirect_is_told_and_ends_the_run() -> None:
    error = from_status(307, {}, "gemini-2.5-flash-lite")
    assert "sends its callers elsewhere" in error.reason
    assert (error.terminal, error.whole_run, error.exit_code) == (True, True, ProviderRefusedError.exit_code)
