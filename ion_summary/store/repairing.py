"""How does a damaged store become one that is read without complaint, losing nothing that can be read?

Bytes that are no line move to quarantine, with the reason. Whole lines that stand inside them, because a newline was
lost, become lines of their own.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import tzinfo
from pathlib import Path
from typing import Any

from ion_summary.store import erasing, files, layout, quarantine, sealing
from ion_summary.store.partition import DamagedLineError, Finding, decode_record, decode_with_digest, salvage

_Decode = Callable[[bytes], dict[str, Any]]


def repair(root: Path, naive: tzinfo | None) -> list[Finding]:
    """Repairs partitions and tombstones, each at once or not at all; what was moved, by the lines before.

    ``naive`` is the zone of times without one. For the holder of the writer's lock. Raises StoreNotWritableError.
    """

    def record(line: bytes) -> dict[str, Any]:
        fields = decode_record(line)
        try:
            layout.to_ms(fields["created_at"], naive)
        except (ValueError, OverflowError) as error:
            raise DamagedLineError(f"its time cannot be read: {error}") from None
        return fields

    found: list[Finding] = []
    erasing.remove_leftovers(root)
    for day in sorted(layout.record_partitions(root)):
        found += _repaired(root, layout.records_path(root, day), record)
    for _, paths in sorted(layout.transcript_files(root).items()):
        for path in paths:
            found += _repaired(root, path, decode_with_digest)
    if (root / layout.TOMBSTONES).exists():
        found += _repaired(root, root / layout.TOMBSTONES, decode_with_digest)
    return found


def _repaired(root: Path, path: Path, decode_line: _Decode) -> Iterator[Finding]:
    name = path.relative_to(root).as_posix()
    if not sealing.is_sealed(path):
        quarantine.repair_tail(root, path)
    try:
        data = sealing.read(path)
    except DamagedLineError as error:
        data = sealing.readable(path)
        quarantine.keep(root, path, 0, files.read(path), str(error))
        yield Finding(name, None, str(error))
    kept, offset, broken = list[bytes](), 0, False
    for number, line in enumerate(erasing.split(data), 1):
        body = line.rstrip(b"\r\n")
        try:
            if not body:
                broken = True  # an empty line: nothing is lost with it
                continue
            decode_line(body)
            kept.append(line if line.endswith(b"\n") else line + b"\n")
        except DamagedLineError as error:
            broken = True
            quarantine.keep(root, path, offset, line, str(error))
            kept += [inside + b"\n" for inside in salvage(body)]
            yield Finding(name, number, str(error))
        finally:
            offset += len(line)
    if broken or sealing.is_sealed(path):
        sealing.replace(path, b"".join(kept))
