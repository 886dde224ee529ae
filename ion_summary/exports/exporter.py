"""Which formats are there to export to, and what does each of them take?"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from importlib import import_module
from pathlib import PurePath
from typing import IO, NamedTuple

from ion_summary.errors import UsageError
from ion_summary.model import Message, SessionSummary

#: The formats: each is a module of this package with a function ``write``. A file's suffix is its format's name.
FORMATS = ("jsonl", "csv", "parquet")
WITH_MESSAGES = ("jsonl",)


class Exported(NamedTuple):
    """A record on its way out, and the messages of its session (None: not wanted, or not kept)."""

    record: SessionSummary
    messages: Sequence[Message] | None


Writer = Callable[[Iterable[Exported], IO[bytes]], None]


def format_of(destination: str, named: str | None) -> str:
    """The format that was named, or that the destination's suffix names. Raises UsageError if there is none."""
    name = named or PurePath(destination).suffix.removeprefix(".").lower()
    if destination == "-" and named is None:
        return FORMATS[0]
    if name not in FORMATS:
        reason = f"{destination}: no format is called {name!r}" if name else f"{destination}: a name without a format"
        accepted = f"end the name in .{', .'.join(FORMATS)}, or name the format with --as"
        raise UsageError(reason=reason, accepted=accepted)
    return name


def writer(name: str) -> Writer:
    """The function that writes a format. Raises MissingExtraError if a package for it is not installed."""
    write: Writer = import_module(f"ion_summary.exports.{name}").write
    return write
