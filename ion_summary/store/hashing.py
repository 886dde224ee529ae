"""Which hash names sessions and guards lines, and as which number? BLAKE2b (RFC 7693), in its own module where there is
one.

``hashlib`` loads OpenSSL, some milliseconds at every start, and nothing here needs it.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:  # another Python than CPython
    from hashlib import blake2b

__all__ = ["blake2b", "content_number", "hash64"]


def hash64(text: str) -> int:
    """A signed 64-bit hash, as SQLite keeps integers."""
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big", signed=True)


def content_number(content_hash: str | None) -> int | None:
    """The catalog's form of ``metadata.content_hash`` (16 hexadecimal digits)."""
    try:
        return int.from_bytes(bytes.fromhex(content_hash), "big", signed=True) if content_hash else None
    except (TypeError, ValueError, OverflowError):
        return None
