"""Archives that somebody made to do harm: each name with the bytes of a file that must be refused."""

from __future__ import annotations

import gzip
import hashlib
import io
import struct
import tarfile
from collections.abc import Callable
from functools import cache
from typing import Any

import orjson

from ion_summary.store.archives import format as archive
from ion_summary.store.archives.packing import ZSTANDARD

RECORDS = "2026-01/session_summaries_20260104.jsonl"
LINE = b'{"session_id":"s","user_id":"u","summary":"- x","summary_type":"llm","created_at":"2026-01-04T00:00:00"}\n'
ESCAPED = "escaped.txt"


def entry(name: str, data: bytes, **changes: Any) -> dict[str, Any]:
    return {
        "name": name,
        "bytes": len(data),
        "sha256": hashlib.sha256(data).hexdigest(),
        "records": data.count(b"\n") if name.endswith(".jsonl") else 0,
        **changes,
    }


def manifest(*members: dict[str, Any], **changes: Any) -> bytes:
    return orjson.dumps({"format": 1, "created_at": "2026-01-05T00:00:00.000Z", "members": list(members), **changes})


def tar(*files: tuple[str, bytes] | tuple[tarfile.TarInfo, bytes], form: int = tarfile.GNU_FORMAT) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w", format=form) as made:
        for name, data in files:
            info = tarfile.TarInfo(name) if isinstance(name, str) else name
            info.size = info.size or (len(data) if info.isreg() else 0)
            made.addfile(info, io.BytesIO(data))
    return out.getvalue()


def packed(*files: Any, **how: Any) -> bytes:
    return gzip.compress(tar(*files, **how), 1, mtime=0)


def with_one(name: str, data: bytes = LINE) -> bytes:
    """An archive whose only member has that name, and which is in order otherwise."""
    return packed(("manifest.json", manifest(entry(name, data))), (name, data))


def special(kind: bytes, target: str = "") -> bytes:
    """A member of another kind than a file, announced as a partition."""
    info = tarfile.TarInfo(RECORDS)
    info.type, info.linkname = kind, target
    return packed(("manifest.json", manifest(entry(RECORDS, b""))), (info, b""))


def link_then_through() -> bytes:
    """A directory that is a link out of the store, and a file behind it."""
    link = tarfile.TarInfo("2026-01")
    link.type, link.linkname = tarfile.SYMTYPE, ".."
    return packed(("manifest.json", manifest(entry(RECORDS, LINE))), (link, b""), (RECORDS, LINE))


def long_name() -> bytes:
    """GNU's long names: the header says one thing, the member before it another."""
    info = tarfile.TarInfo("../" * 60 + ESCAPED)
    return packed(("manifest.json", manifest(entry(RECORDS, LINE))), (info, LINE))


def pax(**headers: str) -> bytes:
    info = tarfile.TarInfo(RECORDS)
    info.pax_headers = headers
    info.size = len(LINE)
    return packed(("manifest.json", manifest(entry(RECORDS, LINE))), (info, LINE), form=tarfile.PAX_FORMAT)


def sparse() -> bytes:
    info = tarfile.TarInfo(RECORDS)
    info.type, info.size = tarfile.GNUTYPE_SPARSE, 0
    return packed(("manifest.json", manifest(entry(RECORDS, b""))), (info, b""))


def negative_size() -> bytes:
    block = bytearray(archive.header(RECORDS, 0, 0))
    block[124:136] = b"\xff" * 12
    block[148:156] = b"        "
    block[148:156] = b"%06o\0 " % sum(block)
    data = manifest(entry(RECORDS, b""))
    head = archive.header("manifest.json", len(data), 0) + data + bytes(-len(data) % 512)
    return gzip.compress(head + bytes(block) + bytes(1024), 1, mtime=0)


def huge_claim() -> bytes:
    """A terabyte is announced, and a header says so too."""
    info = tarfile.TarInfo(RECORDS)
    info.size = 1 << 40
    data = manifest(entry(RECORDS, b"", bytes=1 << 40))
    head = archive.header("manifest.json", len(data), 0) + data + bytes(-len(data) % 512)
    return gzip.compress(head + info.tobuf(tarfile.GNU_FORMAT) + bytes(1024), 1, mtime=0)


@cache
def zeros() -> bytes:
    """64 MiB of them."""
    return ZSTANDARD.pack(bytes(64 << 20))


def bomb() -> bytes:
    """A few kilobytes that announce, and are, a gigabyte of zeros."""
    size = 1 << 30
    data = manifest(entry(RECORDS, b"", bytes=size, records=1))
    head = archive.header("manifest.json", len(data), 0) + data + bytes(-len(data) % 512)
    return ZSTANDARD.pack(head + archive.header(RECORDS, size, 0)) + zeros() * 16


def silent_bomb() -> bytes:
    """A few bytes announced, a gigabyte of zeros behind them."""
    data = manifest(entry(RECORDS, LINE))
    head = archive.header("manifest.json", len(data), 0) + data + bytes(-len(data) % 512)
    member = archive.header(RECORDS, len(LINE), 0) + LINE + bytes(-len(LINE) % 512)
    return ZSTANDARD.pack(head + member + bytes(1024)) + zeros() * 16


def bomb_before_the_manifest() -> bytes:
    return zeros() * 16


def huge_window() -> bytes:
    """A frame that asks for two gigabytes of memory."""
    return b"\x28\xb5\x2f\xfd" + bytes([0x00, (31 - 10) << 3]) + b"\x01\x00\x00"


def many_brackets() -> bytes:
    """A manifest that takes thirty times its size to parse."""
    data = b'{"format":1,"created_at":"x","members":' + b"[" * 500 + b"[],[]," * 2_000_000 + b"[]" + b"]" * 500 + b"}"
    return ZSTANDARD.pack(archive.header("manifest.json", len(data), 0) + data + bytes(-len(data) % 512))


def many_members() -> bytes:
    names = [f"quarantine/{number}" for number in range(120_000)]
    data = manifest(*[entry(name, b"") for name in names])
    return ZSTANDARD.pack(archive.header("manifest.json", len(data), 0) + data + bytes(-len(data) % 512))


def lying_seal() -> bytes:
    """A table of pieces that goes on for ever."""
    whole = ZSTANDARD.pack(tar(("manifest.json", manifest(piece_bytes=4 << 20))))
    return whole + b"\x5e\x2a\x4d\x18" + struct.pack("<I", 100) + b"\xff" * 100


def sealed_bomb() -> bytes:
    """A compressed partition that swells to ten gigabytes when its lines are counted."""
    name = "transcripts/2026-01/transcripts_20260104.jsonl.zst"
    return with_one(name, zeros() * 160)


HOSTILE: dict[str, Callable[[], bytes]] = {
    "..": lambda: with_one(f"../{ESCAPED}"),
    ".. in a month": lambda: with_one(f"2026-01/../../{ESCAPED}"),
    "absolute": lambda: with_one(f"/tmp/{ESCAPED}"),
    "absolute to a partition": lambda: with_one("/" + RECORDS),
    "no name": lambda: with_one(""),
    "a point": lambda: with_one("."),
    "backslashes": lambda: with_one(f"..\\{ESCAPED}"),
    "a zero byte": lambda: with_one(RECORDS + "\0.txt"),
    "a line break": lambda: with_one(RECORDS + "\n"),
    "no day": lambda: with_one("2026-02/session_summaries_20260230.jsonl"),
    "another month's day": lambda: with_one("2026-02/session_summaries_20260104.jsonl"),
    "other digits": lambda: with_one("2026-01/session_summaries_2026010４.jsonl"),
    "the lock": lambda: with_one(".lock"),
    "the index": lambda: with_one("index/catalog.sqlite"),
    "the queue's log": lambda: with_one("jobs.sqlite-wal"),
    "a program": lambda: with_one("sitecustomize.py"),
    "a hidden file in quarantine": lambda: with_one("quarantine/.bashrc"),
    "symlink": lambda: special(tarfile.SYMTYPE, f"../../{ESCAPED}"),
    "hardlink": lambda: special(tarfile.LNKTYPE, "/etc/passwd"),
    "character device": lambda: special(tarfile.CHRTYPE),
    "block device": lambda: special(tarfile.BLKTYPE),
    "FIFO": lambda: special(tarfile.FIFOTYPE),
    "directory": lambda: special(tarfile.DIRTYPE),
    "link, then a file through it": link_then_through,
    "GNU long name": long_name,
    "pax path": lambda: pax(path=f"../{ESCAPED}"),
    "pax size": lambda: pax(size="99999999999"),
    "pax sparse": lambda: pax(**{"GNU.sparse.major": "1", "GNU.sparse.name": f"../{ESCAPED}"}),
    "sparse": sparse,
    "negative size": negative_size,
    "a terabyte announced": huge_claim,
    "bomb": bomb,
    "bomb behind the end": silent_bomb,
    "bomb before the manifest": bomb_before_the_manifest,
    "bomb in a sealed partition": sealed_bomb,
    "two gigabytes of window": huge_window,
    "brackets": many_brackets,
    "more members than a store has": many_members,
    "a table of pieces that lies": lying_seal,
    "a member twice": lambda: packed(
        ("manifest.json", manifest(entry(RECORDS, LINE))), (RECORDS, LINE), (RECORDS, LINE)
    ),
    "a member twice in the manifest": lambda: packed(
        ("manifest.json", manifest(entry(RECORDS, LINE), entry(RECORDS, LINE))), (RECORDS, LINE), (RECORDS, LINE)
    ),
    "a member too many": lambda: packed(("manifest.json", manifest()), (RECORDS, LINE)),
    "a member too few": lambda: packed(("manifest.json", manifest(entry(RECORDS, LINE)))),
    "smaller than announced": lambda: packed(("manifest.json", manifest(entry(RECORDS, LINE * 2))), (RECORDS, LINE)),
    "larger than announced": lambda: packed(("manifest.json", manifest(entry(RECORDS, LINE))), (RECORDS, LINE * 2)),
    "other bytes": lambda: packed(
        ("manifest.json", manifest(entry(RECORDS, LINE))), (RECORDS, LINE.replace(b"- x", b"- y"))
    ),
    "other lines": lambda: packed(("manifest.json", manifest(entry(RECORDS, LINE, records=2))), (RECORDS, LINE)),
    "fewer than no bytes": lambda: packed(("manifest.json", manifest(entry(RECORDS, b"", bytes=-1))), (RECORDS, b"")),
    "no manifest": lambda: packed((RECORDS, LINE)),
    "manifest last": lambda: packed((RECORDS, LINE), ("manifest.json", manifest(entry(RECORDS, LINE)))),
    "manifest a list": lambda: packed(("manifest.json", b"[]")),
    "manifest of numbers": lambda: packed(("manifest.json", b'{"format":1,"created_at":1,"members":[1]}')),
    "another format": lambda: packed(("manifest.json", manifest(format=2))),
    "a seal promised": lambda: packed(("manifest.json", manifest(piece_bytes=4 << 20))),
    "nothing": lambda: b"",
    "half a header": lambda: gzip.compress(b"x" * 100),
    "no tar": lambda: gzip.compress(b"x" * 5_000),
    "a zip file": lambda: b"PK\x03\x04" + bytes(100),
}
