"""Which candidates for transcripts are there under the paths that a user names?"""

from __future__ import annotations

import os
import re
import stat
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

from ion_summary.text.clean import one_line
from ion_summary.transcripts import archive, files
from ion_summary.transcripts.reader import Rejected, Source

# The last is what Claude Code keeps of the output of tools, beside its logs.
_JUNK = frozenset({"__MACOSX", "Thumbs.db", "desktop.ini", "lost+found", "tool-results"})
_MAX_DEPTH = 100
# What chats carry along: nothing to read in it, and thousands of them lie in one export.
_MEDIA = re.compile(
    r"\.(?:jpe?g|png|gif|webp|heic|bmp|svg|ico|mp[34]|m4[av]|mov|avi|webm|wav|ogg|opus|aac|amr|3gp|vcf|dat)$", re.I
)
# What an export holds beside its conversations. Each counts only where the file it goes with lies in the same
# directory, so that a transcript of one of these names is still found elsewhere.
_BESIDE = (
    (
        re.compile(r"conversations(?:-\d+)?\.json$"),
        re.compile(
            r"^chat\.html$|^projects$|^export_manifest\.json$|conversations\.json\.index$"
            r"|^(?:user|users|user_settings|message_feedback|shared_conversations|group_chats|shopping|sora|projects|memories)"
            r"\.json$"
        ),
    ),
    (re.compile(r"agent-.+\.jsonl$"), re.compile(r"^agent-.+\.meta\.json$")),
)


def find(paths: Iterable[str | Path]) -> Iterator[Source | Rejected]:
    """The candidates under ``paths`` in sorted order; ``-`` is standard input.

    Directories are walked to the bottom, zip archives opened without unpacking them; hidden files, media and the
    parts of an export that hold no messages are passed over. What cannot be a transcript (missing, unreadable, a FIFO,
    a link out of the directory) is Rejected. Nothing is read but the tables of contents of archives.
    """
    for path in paths:
        if str(path) == "-":
            yield from _standard_input()
        else:
            yield from _named(Path(path))


def _named(path: Path) -> Iterator[Source | Rejected]:
    """What the user named: it may be a link, and it is taken even if it is hidden."""
    shown = one_line(str(path))
    try:
        mode = path.stat().st_mode
        real = Path(os.path.realpath(path))
    except (OSError, ValueError) as error:
        yield Rejected(shown, None, files.reason(error) if isinstance(error, OSError) else str(error))
        return
    if stat.S_ISDIR(mode):
        yield from _directory(path, real)
    elif stat.S_ISREG(mode):
        yield from _file(real, shown)
    else:
        yield Rejected(shown, None, f"{files.kind(mode)}, not a regular file")


def _directory(top: Path, real_top: Path) -> Iterator[Source | Rejected]:
    # A stack of our own: directories may be nested deeper than Python calls functions.
    stack = [top]
    while stack:
        path = stack.pop()
        shown = one_line(str(path))
        try:
            mode = path.lstat().st_mode
            if stat.S_ISDIR(mode):
                stack += [path / name for name in reversed(_kept([each.name for each in path.iterdir()]))]
                continue
        except OSError as error:
            yield Rejected(shown, None, files.reason(error))
            continue
        if stat.S_ISREG(mode):
            yield from _file(path, shown)
        elif stat.S_ISLNK(mode):
            yield from _link(path, real_top, shown)
        else:
            yield Rejected(shown, None, f"{files.kind(mode)}, not a regular file")


def _link(path: Path, top: Path, shown: str) -> Iterator[Rejected]:
    """A link inside the directory is passed over, because its target is found by itself."""
    target = Path(os.path.realpath(path))
    if not target.is_relative_to(top):
        yield Rejected(shown, None, "a symbolic link that leads out of the directory: name its target to read it")
    elif not target.exists():
        yield Rejected(shown, None, "a symbolic link to nothing")


def _file(path: Path, shown: str) -> Iterator[Source | Rejected]:
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
    yield from _members(found, shown, path, None)


def _members(
    found: list[archive.Member], shown: str, path: Path | None, spool: files.Spool | None
) -> Iterator[Source | Rejected]:
    listed: dict[str, set[str]] = {}
    for member in found:
        for directory, name in _path(member):
            listed.setdefault(directory, set()).add(name)
    kept = {directory: frozenset(_kept(list(names))) for directory, names in listed.items()}
    for member in found:
        if not all(name in kept[directory] for directory, name in _path(member)):
            continue
        label = f"{shown}:{one_line(member.shown)}"
        if member.problem:
            yield Rejected(label, None, member.problem)
        elif member.shown.lower().endswith(".zip"):
            yield Rejected(label, None, "an archive inside an archive: unpack it first")
        else:
            yield Source(label, path, member.name, spool)


def _path(member: archive.Member) -> list[tuple[str, str]]:
    """The member and the directories that it lies in, each as the directory above and the name in it."""
    parts = [part for part in member.shown.replace("\\", "/").split("/") if part not in ("", ".", "..")]
    return [("/".join(parts[:depth]), name) for depth, name in enumerate(parts[:_MAX_DEPTH])]


def _kept(names: list[str]) -> list[str]:
    """The names of one directory that may be transcripts, sorted."""
    passed_over = [_MEDIA, *(others for main, others in _BESIDE if any(map(main.match, names)))]
    return sorted(name for name in names if not (_hidden(name) or any(each.search(name) for each in passed_over)))


def _hidden(name: str) -> bool:
    return name in _JUNK or (name.startswith(".") and name not in (".", ".."))


def _standard_input() -> Iterator[Source | Rejected]:
    try:
        spool = files.Spool(sys.stdin.buffer)
        with spool.open() as file:
            found = archive.members(file) if archive.is_archive(file) else None
        if found is None:
            yield Source("-", None, None, spool)
        else:
            yield from _members(found, "-", None, spool)
    except OSError as error:
        yield Rejected("-", None, files.reason(error))
