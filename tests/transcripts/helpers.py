"""Reading in tests: bytes or files in, plain values out that compare and print well."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ion_summary.model import Session
from ion_summary.transcripts import read
from ion_summary.transcripts.detect import READERS, detect
from ion_summary.transcripts.reader import Item, ReadOptions, Rejected, Resume, Source

GOLDEN = Path(__file__).parent / "golden"
SEOUL = ZoneInfo("Asia/Seoul")
OPTIONS = ReadOptions(SEOUL)


def golden_inputs() -> list[Path]:
    return sorted(path for path in GOLDEN.iterdir() if not path.name.endswith(".expected.json"))


def items(
    path: Path, options: ReadOptions = OPTIONS, format_name: str | None = None, start: Resume | None = None
) -> list[Item]:
    """All that reading ``path`` gives; its format is detected unless it is named."""
    source = Source(path.name, path)
    detection = detect(source, format_name)
    if detection.reader is None:
        return [Rejected(source.name, None, detection.reason)]
    return list(read(source, detection.reader, options, start))


def sessions(path: Path, **given: Any) -> list[Session]:
    return [item for item in items(path, **given) if isinstance(item, Session)]


def shown(item: Item) -> dict[str, Any]:
    """An item as JSON says it."""
    if isinstance(item, Rejected):
        return {"rejected": item.reason, "line": item.line}
    if isinstance(item, Resume):
        return {"resume": item.offset, "state": item.state}
    messages = [
        {
            "role": message.role,
            "name": message.name,
            "time": message.timestamp and message.timestamp.isoformat(),
            "content": message.content,
        }
        for message in item.messages
    ]
    return {
        "session": item.session_id,
        "user": item.user_id,
        "place": item.place,
        "room": item.room,
        "metadata": item.metadata,
        "messages": messages,
    }


def format_of(path: Path) -> str:
    return next((name for name in READERS if detect(Source(path.name, path)).reader is READERS[name]), "unknown")
