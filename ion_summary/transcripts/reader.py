"""What must a reader of one format offer, and what does it get and give?"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import tzinfo
from pathlib import Path
from typing import IO, Any, NamedTuple, Protocol

from ion_summary.model import Session
from ion_summary.transcripts import archive, files


class Stamp(NamedTuple):
    """By what a file that was not touched is known again: its size in bytes, its time in nanoseconds, its inode."""

    size: int
    mtime_ns: int
    inode: int


@dataclass(frozen=True, slots=True)
class Source:
    """One candidate: a regular file, a member of a zip archive, standard input, or several files that are one export.

    ``name`` is how reports call it (``exports/room.txt``, ``chatgpt.zip:conversations.json``, ``-``); ``path`` is the
    file to open (None for standard input), ``member`` the member's name inside an archive, ``spool`` what standard
    input held. ``parts`` are the files in order if there are several; the rest is then said of the first.
    """

    name: str
    path: Path | None
    member: str | None = None
    spool: files.Spool | None = field(default=None, repr=False, compare=False)
    parts: tuple[Source, ...] = ()

    def open(self) -> IO[bytes]:
        """The bytes from the start, buffered and seekable (backwards in an archive: decompressed anew).

        Several parts are opened as one, each ended by a newline. Never blocks and never follows a link. Raises
        OSError, whose text is a reason for people.
        """
        if self.parts:
            return files.chained([part.open for part in self.parts])
        if self.path is not None:
            return files.open_regular(self.path) if self.member is None else archive.open_member(self.path, self.member)
        if self.spool is None:
            raise OSError("standard input was not read")
        file = self.spool.open()
        return file if self.member is None else archive.open_spooled(file, self.member)

    @property
    def files(self) -> tuple[Source, ...]:
        """The parts in order, or the source itself if it is one file."""
        return self.parts or (self,)

    def stamp(self) -> Stamp | None:
        """What the files are known by, without opening them; None for standard input. Raises OSError."""
        if self.path is None:
            return None
        stats = [path.stat() for path in dict.fromkeys(part.path for part in self.files) if path]
        first = stats[0]
        if len(stats) == 1:
            return Stamp(first.st_size, first.st_mtime_ns, first.st_ino)
        # Any of the files replaced by another, or one more: some number differs.
        inodes = hash(tuple((stat.st_size, stat.st_mtime_ns, stat.st_ino) for stat in stats))
        return Stamp(sum(stat.st_size + 1 for stat in stats) - 1, max(stat.st_mtime_ns for stat in stats), inodes)

    @property
    def directory(self) -> str:
        """The name of the directory that the file lies in, without what is above; empty if that is not known."""
        if self.member is not None:
            return posixpath.basename(posixpath.dirname(self.member))
        return self.path.absolute().parent.name if self.path else ""

    def sibling(self, name: str) -> Source:
        """The file ``name`` (``../users.json``) as seen from this one's directory, in the same archive if it is in one.

        Whether there is such a file, opening it shows.
        """
        if self.member is not None:
            member = posixpath.normpath(posixpath.join(posixpath.dirname(self.member), name))
            return Source(f"{self.name}/{name}", self.path, member, self.spool)
        return Source(f"{self.name}/{name}", self.path.parent / name if self.path else None)


@dataclass(frozen=True, slots=True)
class ReadOptions:
    """What a user may say about the reading.

    ``tz`` is the zone of times that carry none and the zone whose midnight splits chat rooms (``split`` ``day``, or
    ``none`` for one session a room).
    """

    tz: tzinfo
    split: str = "day"


@dataclass(frozen=True, slots=True)
class Rejected:
    """A part of the input that could not be read. ``line`` is 1-based, None when it is the whole source."""

    source: str
    line: int | None
    reason: str


@dataclass(frozen=True, slots=True)
class Resume:
    """Where the next reading of the grown file may begin: the last value of a reading that may go on.

    ``offset`` counts bytes from the start of the file, at the start of what was incomplete or may still grow;
    ``state`` is what the reader must know there (JSON values only).
    """

    offset: int
    state: dict[str, Any] = field(default_factory=dict)


Item = Session | Rejected | Resume


@dataclass(frozen=True, slots=True)
class Evidence:
    """Why a source is taken for a format: ``score`` from 0 (resembles) to 100 (proven), ``reason`` for people.

    From ``TAKEN`` on a source is taken for the format; below, the format is only named as the nearest.
    """

    score: int
    reason: str

    TAKEN = 50


class Reader(Protocol):
    """One format. A module of ``transcripts`` defines one as ``READER`` and ``detect`` names the module.

    ``zone`` is the IANA name of the time zone in which people use the format, for times that carry none; None if that
    can be any.
    """

    name: str
    zone: str | None

    def recognise(self, head: bytes, name: str) -> Evidence | None:
        """What speaks for this format in the first 64 KiB and the name of a source; None if nothing does."""

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:
        """Sessions and rejected parts in order, streaming; at last a ``Resume`` if the format can grow in place."""
