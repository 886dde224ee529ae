"""Which formats do installed packages add, and what if one of them is broken?

A package names its reader in the entry point group ``ion_summary.readers`` (docs/plugins.md). It is somebody else's
code: whatever it raises, or gives instead of sessions, is reported and the rest goes on.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any

from ion_summary.model import Message, Session
from ion_summary.transcripts.reader import Evidence, Item, Reader, ReadOptions, Rejected, Resume, Source

if TYPE_CHECKING:
    from importlib.metadata import EntryPoint

GROUP = "ion_summary.readers"
_NAME = re.compile(r"[a-z][a-z0-9_]{0,40}")
_problems: dict[str, None] = {}


@cache
def readers(built_in: tuple[str, ...]) -> dict[str, Reader]:
    """The readers of installed packages by name, none of which is one of the ``built_in``; loaded once."""
    from importlib.metadata import entry_points

    found: dict[str, Reader] = {}
    for point in sorted(entry_points(group=GROUP), key=lambda each: (_package(each), each.name)):
        if point.name in built_in or point.name in found:
            other = "is built in" if point.name in built_in else "has another reader already"
            _report(f"plugin {_package(point)}: the format {point.name!r} {other}; its reader is not used")
        elif not _NAME.fullmatch(point.name):
            _report(f"plugin {_package(point)}: {point.name!r} is no name for a format (small letters, digits and _)")
        elif reader := _loaded(point):
            found[point.name] = reader
    return found


def problems() -> list[str]:
    """What was wrong with plugins so far, each once; nothing if none has been needed yet."""
    return list(_problems)


def forget() -> None:
    """Has the next question look at the installed packages anew, as tests need it."""
    readers.cache_clear()
    _problems.clear()


def _loaded(point: EntryPoint) -> Reader | None:
    try:
        reader = point.load()
        if isinstance(reader, type):
            reader = reader()
        missing = [name for name in ("recognise", "read") if not callable(getattr(reader, name, None))]
    except (Exception, SystemExit) as error:  # noqa: BLE001 - anything may happen while foreign code is imported
        _report(f"plugin {_package(point)}: the reader {point.name!r} cannot be loaded: {_told(error)}")
        return None
    if missing:
        _report(f"plugin {_package(point)}: the reader {point.name!r} has no {' and no '.join(missing)}")
        return None
    return _Guarded(point.name, _package(point), reader)


class _Guarded:
    """A plugin's reader, whose failures are values."""

    def __init__(self, name: str, package: str, reader: Any) -> None:
        self.name = name
        self.package = package
        zone = getattr(reader, "zone", None)
        self.zone: str | None = zone if isinstance(zone, str) else None
        self._reader = reader

    def recognise(self, head: bytes, name: str) -> Evidence | None:
        """The plugin's evidence, with its package in the reason; None if it fails."""
        try:
            found = self._reader.recognise(head, name)
            if found is None:
                return None
            return Evidence(max(0, min(100, int(found.score))), f"{found.reason} (plugin {self.package})")
        except Exception as error:  # noqa: BLE001
            _report(f"plugin {self.package}: the reader {self.name!r} failed on {name}: {_told(error)}")
            return None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:
        """What the plugin reads; where it fails, the rest of the source is Rejected."""
        try:
            for item in self._reader.read(source, options, start):
                if reason := _wrong(item):
                    yield Rejected(source.name, None, f"the reader {self.name} gave {reason}")
                else:
                    yield item
        except OSError:
            raise
        except Exception as error:  # noqa: BLE001
            yield Rejected(source.name, None, f"the reader {self.name} failed: {_told(error)}")


def _wrong(item: object) -> str | None:
    """Why ``item`` is nothing that a reader may give."""
    if isinstance(item, Rejected | Resume):
        return None
    if not isinstance(item, Session):
        return f"{type(item).__name__} where a session should be"
    for number, message in enumerate(item.messages, 1):
        if not isinstance(message, Message) or not isinstance(message.content, str):
            return f"a session whose message {number} has no text"
        when = message.timestamp
        if when is not None and not (isinstance(when, datetime) and when.tzinfo):
            return f"a session whose message {number} has a time without a zone"
    return None


def _package(point: EntryPoint) -> str:
    return f"{point.dist.name} {point.dist.version}" if point.dist else point.value


def _told(error: BaseException) -> str:
    return f"{type(error).__name__}: {error}" if str(error) else type(error).__name__


def _report(problem: str) -> None:
    _problems[problem] = None
