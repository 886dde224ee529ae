"""Which candidates for transcripts are there under the paths that a user names?"""

from __future__ import annotations

import os
import posixpath
import stat
import sys
from collections.abc import Callable, Iterable, Iterator
from functools import partial
from pathlib import Path

from ion_summary.text.clean import one_line
from ion_summary.transcripts import archive, files, layout
from ion_summary.transcripts.reader import Rejected, Source

_MAX_DEPTH = 100


Tell = Callable[[str, str], None]
"""Is told the name of what is passed over, and the reason."""


def find(paths: Iterable[str | Path], passed_over: Tell = lambda _name, _reason: None) -> Iterator[Source | Rejected]:
    """The candidates under ``paths`` in sorted order; ``-`` is standard input.

    Directories are walked to the bottom, zip archives opened without unpacking them; hidden files, media and the parts
    of an export that hold no messages are passed over; files into which one chat was split are one candidate. What
    cannot be a transcript (missing, unreadable, a FIFO, a link out of the directory) is Rejected. Nothing is read but
    the tables of contents of archives. ``passed_over`` is called for what is.
    """
    for path in paths:
        if str(path) == "-":
            yield from _standard_input(passed_over)
        else:
            yield from _named(Path(path), passed_over)


def _named(path: Path, tell: Tell) -> Iterator[Source | Rejected]:
    """What the user named: it may be a link, and it is taken even if it is hidden."""
    shown = one_line(str(path))
    try:
        mode = path.stat().st_mode
        real = Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        yield Rejected(shown, None, files.reason(error) if isinstance(error, OSError) else str(error))
        return
    if stat.S_ISDIR(mode):
        yield from _directory(path, real, tell)
    elif stat.S_ISREG(mode):
        yield from _file(real, shown, tell)
    else:
        yield Rejected(shown, None, f"{files.kind(mode)}, not a regular file")


def _directory(top: Path, real_top: Path, tell: Tell) -> Iterator[Source | Rejected]:
    # A stack of our own: directories may be nested deeper than Python calls functions.
    stack = [[top]]
    while stack:
        path, *more = stack.pop()
        shown = one_line(str(path))
        if more and (source := _together([path, *more])):
            yield source
            continue
        stack += [[each] for each in reversed(more)]
        try:
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                names = {each.name for each in path.iterdir()}
                for name, why in sorted(layout.passed_over(names).items()):
                    tell(f"{shown}/{one_line(name)}", why)
                    names.remove(name)
                groups = layout.grouped(sorted(names), path.absolute().parent.name, partial(_is_in_slack, path))
                stack += [[path / name for name in group] for group in reversed(groups)]
                continue
        except OSError as error:
            yield Rejected(shown, None, files.reason(error))
            continue
        if stat.S_ISREG(mode):
            yield from _file(path, shown, tell)
        elif stat.S_ISLNK(mode):
            yield from _link(path, real_top, shown)
        else:
            yield Rejected(shown, None, f"{files.kind(mode)}, not a regular file")


def _is_in_slack(path: Path) -> bool:
    try:
        return layout.is_slack([each.name for each in path.absolute().parent.iterdir()])
    except OSError:
        return False


def _together(paths: list[Path]) -> Source | None:
    """The files that one export was split into as one source; None if some are no regular files."""
    try:
        if not all(stat.S_ISREG(path.lstat().st_mode) for path in paths):
            return None
    except OSError:
        return None
    return _joined([Source(one_line(str(path)), path) for path in paths])


def _joined(parts: list[Source]) -> Source:
    """One source of several: in reports it has the names of the first and the last."""
    first, last = parts[0], posixpath.basename(parts[-1].name)
    return Source(f"{first.name}…{last}", first.path, first.member, first.spool, tuple(parts))


def _link(path: Path, top: Path, shown: str) -> Iterator[Rejected]:
    """A link inside the directory is passed over, because its target is found by itself."""
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(top):
        yield Rejected(shown, None, "a symbolic link that leads out of the directory: name its target to read it")
    elif not target.exists():
        yield Rejected(shown, None, "a symbolic link to nothing")


def _file(path: Path, shown: str, tell: Tell) -> Iterator[Source | Rejected]:
    if path.suffix.lower() != ".zip":
        yield Source(shown, path)
        return
    try:
        with files.open_regular(path) as file:
            if not archive.is_archive(file):
                yield Source(shown, path)
                return
            found = archive.members(file)
    except OSError as error:
        yield Rejected(shown, None, files.reason(error))
        return
    yield from _members(found, shown, path, None, tell)


def _members(
    found: list[archive.Member], shown: str, path: Path | None, spool: files.Spool | None, tell: Tell
) -> Iterator[Source | Rejected]:
    listed: dict[str, dict[str, list[archive.Member]]] = {}
    for member in found:
        for directory, name in _path(member):
            listed.setdefault(directory, {}).setdefault(name, [])
        listed[directory][name].append(member)  # two names may look the same
    passed_over = {directory: layout.passed_over(names) for directory, names in listed.items()}
    for directory, members in sorted(listed.items()):
        above = posixpath.dirname(directory)
        if not _is_kept(directory, passed_over):
            continue
        for name, why in sorted(passed_over[directory].items()):
            tell(f"{shown}:{one_line(posixpath.join(directory, name))}", why)
        in_slack = partial(layout.is_slack, listed[above] if directory else [])
        names = sorted(name for name in members if members[name] and name not in passed_over[directory])
        for group in layout.grouped(names, posixpath.basename(above), in_slack):
            parts = [_member(each, shown, path, spool) for name in group for each in members[name]]
            sources = [part for part in parts if isinstance(part, Source)]
            yield from (part for part in parts if isinstance(part, Rejected))
            yield from [_joined(sources)] if len(group) > 1 and len(sources) > 1 else sources


def _is_kept(directory: str, passed_over: dict[str, dict[str, str]]) -> bool:
    """Whether no directory on the way to this one is passed over."""
    while directory:
        above, _, name = directory.rpartition("/")
        if name in passed_over[above]:
            return False
        directory = above
    return True


def _member(member: archive.Member, shown: str, path: Path | None, spool: files.Spool | None) -> Source | Rejected:
    label = f"{shown}:{one_line(member.shown)}"
    if member.problem:
        return Rejected(label, None, member.problem)
    if member.shown.lower().endswith(".zip"):
        return Rejected(label, None, "an archive inside an archive: unpack it first")
    return Source(label, path, member.name, spool)


def _path(member: archive.Member) -> list[tuple[str, str]]:
    """The member and the directories that it lies in, each as the directory above and the name in it."""
    parts = [part for part in member.shown.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return [("/".join(parts[:depth]), name) for depth, name in enumerate(parts[:_MAX_DEPTH] or [member.shown])]


def _standard_input(tell: Tell) -> Iterator[Source | Rejected]:
    try:
        spool = files.Spool(sys.stdin.buffer)
        with spool.open() as file:
            found = archive.members(file) if archive.is_archive(file) else None
        if found is None:
            yield Source("-", None, None, spool)
        else:
            yield from _members(found, "-", None, spool, tell)
    except OSError as error:
        yield Rejected("-", None, files.reason(error))
