"""Which hash names sessions and guards lines? BLAKE2b (RFC 7693), in its own module where there is one.

``hashlib`` loads OpenSSL, some milliseconds at every start, and nothing here needs it.
"""

from __future__ import annotations

try:
    from _blake2 import blake2b
except ImportError:  # another Python than CPython
    from hashlib import blake2b

__all__ = ["blake2b"]
