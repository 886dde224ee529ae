"""How are the lines of a partition read and written, if it is compressed and if it is not?

A sealed partition is one zstd frame (RFC 8878) with its checksum: without that, flipped bits go unnoticed.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from ion_summary.store import files
from ion_summary.store.partition import DamagedLineError

if TYPE_CHECKING:
    from types import ModuleType

_LEVEL = 3
_CHUNK = 1 << 10


def _zstd() -> ModuleType:
    if sys.version_info >= (3, 14):
        from compression import zstd
    else:
        from backports import zstd
    module: ModuleType = zstd
    return module


def is_sealed(path: Path) -> bool:
    """Whether a partition is a compressed one, by its name."""
    return path.suffix == ".zst"


def read(path: Path) -> bytes:
    """All lines of a partition. Raises DamagedLineError if it is compressed and cannot be read, OSError."""
    data = files.read(path)
    if not is_sealed(path):
        return data
    zstd = _zstd()
    try:
        whole = zstd.ZstdDecompressor()
        lines: bytes = whole.decompress(data)
    except zstd.ZstdError as error:
        raise DamagedLineError(f"the compressed bytes are not what was written: {error}") from None
    if not whole.eof or whole.unused_data:
        raise DamagedLineError("the compressed bytes do not end where they should")
    return lines


def readable(path: Path) -> bytes:
    """The lines in the beginning of a compressed partition that is broken, as far as it can be read."""
    return readable_of(files.read(path))


def readable_of(data: bytes) -> bytes:
    """The same of its bytes."""
    zstd = _zstd()
    decompressor, lines = zstd.ZstdDecompressor(), list[bytes]()
    try:
        for start in range(0, len(data), _CHUNK):
            lines.append(decompressor.decompress(data[start : start + _CHUNK]))
    except (zstd.ZstdError, EOFError):
        pass
    found = b"".join(lines)
    return found[: found.rfind(b"\n") + 1]


def replace(path: Path, lines: bytes) -> None:
    """Puts lines in the place of a partition, compressed if its name says so; no lines: the partition goes."""
    if not lines:
        files.remove(path)
    elif is_sealed(path):
        zstd = _zstd()
        options = {zstd.CompressionParameter.compression_level: _LEVEL, zstd.CompressionParameter.checksum_flag: 1}
        files.replace(path, zstd.compress(lines, options=options))
    else:
        files.replace(path, lines)
