"""File systems of one's own, small enough to fill and real enough to lose their power."""

from __future__ import annotations

import contextlib
import fcntl
import os
import re
import shutil
import struct
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

# include/uapi/linux/ext4.h: _IOR('X', 125, __u32), and the flag that leaves the journal where it is, as a cut would.
_SHUTDOWN = 0x8004587D
_NO_LOG_FLUSH = 2


# What is said where nobody may mount, or nothing can be mounted; whatever else goes wrong is a failure of the test.
_NOT_HERE = re.compile(
    r"permission denied|not permitted|must be superuser|unknown filesystem type"
    r"|failed to setup loop device|could not find any (?:free )?loop device|no such device",
    re.IGNORECASE,
)


def _run(*words: object) -> None:
    done = subprocess.run([str(word) for word in words], capture_output=True, text=True, check=False)
    if done.returncode and _NOT_HERE.search(done.stderr):
        pytest.skip(f"`{words[0]}` is not allowed here: {done.stderr.strip()}")
    assert done.returncode == 0, f"{words}: {done.stderr}"


def _require(*tools: str) -> None:
    if os.geteuid() != 0:
        pytest.skip("only root may mount a file system")
    for tool in tools:
        if shutil.which(tool) is None:
            pytest.skip(f"{tool} is not installed")


@contextlib.contextmanager
def _mounted(place: Path, *words: object) -> Iterator[Path]:
    place.mkdir(exist_ok=True)
    _run("mount", *words, place)
    try:
        yield place
    finally:
        subprocess.run(["umount", "-l", place], check=True, capture_output=True)


@contextlib.contextmanager
def small_disk(place: Path, *, size: str, inodes: int = 0) -> Iterator[Path]:
    """A file system in memory with so much room (``2m``) and so many inodes (0: enough)."""
    _require("mount", "umount")
    with _mounted(place, "-t", "tmpfs", "-o", f"size={size},nr_inodes={inodes},mode=0700", "tmpfs") as disk:
        yield disk


class PowerDisk:
    """An ext4 on a loop device that can lose its power as often as one likes."""

    def __init__(self, place: Path) -> None:
        _require("mkfs.ext4", "mount", "umount")
        self.place = place / "disk"
        self._image = place / "image"
        with self._image.open("wb") as file:
            file.truncate(64 << 20)
        _run("mkfs.ext4", "-q", "-F", "-E", "lazy_itable_init=0,lazy_journal_init=0", self._image)
        self.place.mkdir()
        self._mount()

    def _mount(self) -> None:
        _run("mount", "-o", "loop", self._image, self.place)

    def cut(self) -> None:
        """The power goes: what has not reached the disk never does."""
        descriptor = os.open(self.place, os.O_RDONLY)
        try:
            fcntl.ioctl(descriptor, _SHUTDOWN, struct.pack("I", _NO_LOG_FLUSH))
        finally:
            os.close(descriptor)

    def back(self) -> None:
        """The power comes back: the file system is mounted again, by what is on the disk. Nobody may have it open."""
        subprocess.run(["umount", self.place], check=True, capture_output=True)
        self._mount()

    def close(self) -> None:
        """Takes it away."""
        subprocess.run(["umount", "-l", self.place], check=True, capture_output=True)
