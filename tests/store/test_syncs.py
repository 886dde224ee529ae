"""Is everything on the disk when a function of the store returns? By what it asked of the system, in order."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from ion_summary.store import files
from ion_summary.store.archives import directory, merging, restoring


class Recorder:
    """What a power cut could take: bytes and names that were changed and not synced since."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, root: Path) -> None:
        self._root = root
        self.bytes = set[str]()
        self.names = set[str]()
        self.synced = list[str]()
        for name, note in {
            "write": self._written, "ftruncate": self._written, "fsync": self._synced, "fdatasync": self._synced,
            "rename": self._renamed, "unlink": self._gone, "rmdir": self._gone, "mkdir": self._made,
        }.items():  # fmt: skip
            monkeypatch.setattr(os, name, self._noted(getattr(os, name), note))

    def _noted(self, real: Callable[..., Any], note: Callable[..., None]) -> Callable[..., Any]:
        def call(*given: Any, **more: Any) -> Any:
            done = real(*given, **more)
            note(*given)
            return done

        return call

    def _written(self, descriptor: int, *_: object) -> None:
        self.bytes.add(os.readlink(f"/proc/self/fd/{descriptor}"))

    def _synced(self, descriptor: int) -> None:
        path = os.readlink(f"/proc/self/fd/{descriptor}")
        self.synced.append(path)
        self.bytes.discard(path)
        self.names.discard(path)

    def _renamed(self, old: object, new: object) -> None:
        assert str(old) not in self.bytes, f"{old} is renamed before it is synced"
        self._made(new)

    def _gone(self, path: object, *_: object) -> None:
        self.names.discard(str(path))
        self._made(path)

    def _made(self, path: object, *_: object) -> None:
        self.names.add(str(Path(str(path)).parent))

    @property
    def lost(self) -> set[str]:
        return {path for path in self.bytes | self.names if path.startswith(str(self._root))}


@pytest.fixture
def place(tmp_path: Path) -> Path:
    """A directory with a file of two lines, and one with another in it."""
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "a").write_bytes(b"one\ntwo\n")
    (tmp_path / "a").write_bytes(b"one\ntwo\n")
    return tmp_path


@pytest.fixture
def recorder(monkeypatch: pytest.MonkeyPatch, place: Path) -> Recorder:
    return Recorder(monkeypatch, place)


def _replacing(place: Path) -> None:
    with files.replacing(place / "a") as file:
        file.write(b"three\n")
        os.write(file.fileno(), b"")  # what a buffered file writes goes by the recorder


def _publish(place: Path) -> None:
    directory.publish(place, "x.tar.zst", lambda file: file.write(b"x") and None, None)


def _take_files(place: Path) -> None:
    other = place / "other"
    (other / "quarantine").mkdir(parents=True)
    (other / "quarantine" / "kept.json").write_bytes(b"{}")
    files.sync_directory(other)
    files.sync_directory(place)
    merging._take_files(place, other)
    files.sync_directory(other / "quarantine")  # from where it was taken: a restore removes it


DONE: dict[str, Callable[[Path], object]] = {
    "make_directory": lambda place: files.make_directory(place / "x" / "y"),
    "append": lambda place: files.append(place / "a", b"three\n"),
    "append, new": lambda place: files.append(place / "full" / "b", b"three\n"),
    "replace": lambda place: files.replace(place / "a", b"three\n"),
    "replacing": _replacing,
    "remove": lambda place: files.remove(place / "a"),
    "remove_all": lambda place: files.remove_all([place / "a"]),
    "remove_all, and the directory": lambda place: files.remove_all([place / "full" / "a"]),
    "cut": lambda place: files.cut(place / "a", 4),
    "publish": _publish,
    "merge": _take_files,
}


@pytest.mark.parametrize("what", DONE)
def test_nothing_is_left_for_a_power_cut(what: str, place: Path, recorder: Recorder) -> None:
    DONE[what](place)
    assert recorder.synced
    assert recorder.lost == set()


def test_a_tree_is_synced_file_by_file_where_it_cannot_be_at_once(
    place: Path, recorder: Recorder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(restoring, "_libc", object)
    restoring.sync_tree(place)
    assert set(recorder.synced) == {str(place), *map(str, place.rglob("*"))}


@pytest.mark.parametrize("refused", ["write", "fdatasync"])
def test_what_could_not_be_appended_does_not_appear_later(
    refused: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from ion_summary.errors import StoreNotWritableError

    real = os.write
    half: Iterator[bool] = iter((True, False))

    def fails(descriptor: int, *data: bytes) -> int:
        if data and next(half):
            return real(descriptor, bytes(data[0])[:3])
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, refused, fails)
    with pytest.raises(StoreNotWritableError):
        files.append(place / "a", b"three\n")
    assert (place / "a").read_bytes() == b"one\ntwo\n"
