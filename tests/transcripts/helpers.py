"""Reading in tests: bytes or files in, plain values out that compare and print well."""

from __future__ import annotations

from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from ion_summary.model import Session
from ion_summary.transcripts import read
from ion_summary.transcripts.detect import READERS, detect
from ion_summary.transcripts.reader import Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.sources import find

GOLDEN = Path(__file__).parent / "golden"
SEOUL = ZoneInfo("Asia/Seoul")
OPTIONS = ReadOptions(SEOUL)


def golden_inputs() -> list[Path]:
    return sorted(path for path in GOLDEN.iterdir() if not path.name.endswith(".expected.json"))


def golden_files() -> list[Path]:
    """The golden inputs, of directories the files that are transcripts by themselves."""
    found = [path for path in GOLDEN.rglob("*") if path.is_file() and not path.name.endswith(".expected.json")]
    return sorted(path for path in found if path.parent == GOLDEN or format_of(path) != "unknown")


def items(
    path: Path, options: ReadOptions = OPTIONS, format_name: str | None = None, start: Resume | None = None
) -> list[Item]:
    """All that reading ``path`` (a file, or a directory) gives; its format is detected unless it is named."""
    found: list[Item] = []
    for source in find([path]) if path.is_dir() else [Source(path.name, path)]:
        detection = detect(source, format_name) if isinstance(source, Source) else None
        if isinstance(source, Source) and detection and detection.reader:
            found += read(source, detection.reader, options, start)
        else:
            found.append(source if isinstance(source, Rejected) else Rejected(source.name, None, detection.reason))  # type: ignore[union-attr]
    return found


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
    """What ``path`` is taken for; of a directory what its first source is."""
    source = (
        next(each for each in find([path]) if isinstance(each, Source)) if path.is_dir() else Source(path.name, path)
    )
    return next((name for name in READERS if detect(source).reader is READERS[name]), "unknown")
