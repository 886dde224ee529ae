"""How is an archive encrypted to somebody's age recipient (age-encryption.org/v1), and opened with the identity?

The package pyrage does it; it is an extra. Bytes stream through, so that neither way needs memory for an archive.
"""

from __future__ import annotations

import contextlib
import io
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any, BinaryIO

from ion_summary.errors import MissingExtraError, SnapshotCorruptError, StoreNotWritableError, UsageError

SUFFIX = ".age"
MAGIC = b"age-encryption.org/v1\n"
_CHUNK = 1 << 20


def read_recipient(text: str) -> Any:
    """The recipient ``age1…``, or an SSH public key. Raises UsageError, MissingExtraError."""
    rage = _pyrage()
    for parse in (rage.x25519.Recipient.from_str, rage.ssh.Recipient.from_str):
        with contextlib.suppress(rage.RecipientError):
            return parse(text.strip())
    raise UsageError(reason=f"not an age recipient: {text[:80]!r}", accepted="age1…, as `age-keygen` prints it")


def read_identities(file: Path) -> list[Any]:
    """The identities in a file as `age-keygen` writes it, or an SSH private key. Raises UsageError."""
    rage = _pyrage()
    try:
        data = file.read_bytes()
    except OSError as error:
        raise UsageError(reason=f"{file} cannot be read: {error.strerror}", accepted="name an identity file") from error
    lines = [line.strip() for line in data.decode("utf-8", "replace").splitlines()]
    try:
        keys = [rage.x25519.Identity.from_str(line) for line in lines if line.startswith("AGE-SECRET-KEY-")]
        if not keys:
            keys = [rage.ssh.Identity.from_buffer(data)]
    except rage.IdentityError:  # nothing of the file is repeated: it is a secret
        keys = []
    if not keys:
        raise UsageError(reason=f"{file} holds no age identity", accepted="a file that `age-keygen -o FILE` has made")
    return keys


def recipient_of(identity: Path) -> Any:
    """Whom an archive must be encrypted to for the identity to open it. Raises UsageError, MissingExtraError."""
    key = read_identities(identity)[0]
    if not hasattr(key, "to_public"):
        raise UsageError(reason=f"{identity} does not say its recipient", accepted="an identity of `age-keygen`")
    return key.to_public()


def encrypt(chunks: Iterator[bytes], out: BinaryIO, recipient: Any) -> None:
    """Writes ``chunks``, encrypted to ``recipient``, to ``out``."""
    try:
        _pyrage().encrypt_io(io.BufferedReader(_Readable(chunks), _CHUNK), out, [recipient])
    except OSError as error:
        raise StoreNotWritableError(path="the archive", reason=error.strerror or str(error)) from error


@contextlib.contextmanager
def decrypted(descriptor: int, identity: Path, path: Path) -> Iterator[Iterator[bytes]]:
    """The bytes that were encrypted, as they come out. Raises UsageError, SnapshotCorruptError (while iterated)."""
    from threading import Thread

    rage, keys = _pyrage(), read_identities(identity)
    outlet, inlet = os.pipe()
    failed: list[Exception] = []

    def decrypt() -> None:
        with os.fdopen(os.dup(descriptor), "rb") as source, os.fdopen(inlet, "wb", buffering=0) as sink:
            try:
                source.seek(0)
                rage.decrypt_io(source, sink, keys)
            except Exception as error:  # noqa: BLE001 - told by the thread that waits
                failed.append(error)

    thread = Thread(target=decrypt, daemon=True)
    thread.start()

    def chunks() -> Iterator[bytes]:
        while chunk := os.read(outlet, _CHUNK):
            yield chunk
        thread.join()
        if failed and isinstance(failed[0], rage.DecryptError):  # which of the two, nobody can tell
            reason = f"it was encrypted to another recipient than that of {identity}, or its first bytes are damaged"
            raise SnapshotCorruptError(path=path, reason=reason)
        if failed:
            raise SnapshotCorruptError(path=path, reason=f"it cannot be decrypted: {failed[0]}")

    try:
        yield chunks()
    finally:
        os.close(outlet)  # a thread that still writes ends by that
        thread.join()


class _Readable(io.RawIOBase):
    """An iterator of bytes as a file to read from."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._rest:
            chunk = next(self._chunks, None)
            if chunk is None:
                return 0
            self._rest = chunk
        part, self._rest = self._rest[: len(buffer)], self._rest[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)


def _pyrage() -> Any:
    try:
        import pyrage
    except ImportError:
        raise MissingExtraError(feature="an encrypted archive", package="pyrage", extra="encryption") from None
    return pyrage
