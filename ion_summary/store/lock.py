"""Who may write now? One process, and in it one thread, by ``flock`` on a file that is never unlinked."""

from __future__ import annotations

import fcntl
import os
import time
from collections.abc import Iterator
from pathlib import Path
from types import TracebackType

from ion_summary.errors import StoreLockedError
from ion_summary.store.files import writing
from ion_summary.store.layout import LOCK

_POLL_S = 0.02


def attempts(timeout: float) -> Iterator[None]:
    """Yields again and again until so many seconds have passed, once at least.

    flock has no time limit of its own, and an alarm would belong to the whole process: so it is asked again.
    """
    deadline = time.monotonic() + timeout
    yield
    while time.monotonic() < deadline:
        time.sleep(_POLL_S)
        yield


class WriterLock:
    """The writer's lock of one store. The kernel frees it when the process ends, however it ends."""

    def __init__(self, root: Path, timeout: float) -> None:
        self._root = root
        self._timeout = timeout
        self._descriptor: int | None = None

    def try_acquire(self) -> bool:
        """Takes the lock if nobody has it; False at once if somebody has."""
        with writing(self._root):
            descriptor = os.open(self._root / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            os.close(descriptor)
            return False
        if not self._is_current(descriptor):  # a restore has just put another store in its place
            os.close(descriptor)
            return False
        self._descriptor = descriptor
        return True

    def _is_current(self, descriptor: int) -> bool:
        try:
            named = (self._root / LOCK).stat(follow_symlinks=False)
        except FileNotFoundError:
            return False
        held = os.fstat(descriptor)
        return (named.st_dev, named.st_ino) == (held.st_dev, held.st_ino)

    def release(self) -> None:
        """Gives the lock back."""
        descriptor, self._descriptor = self._descriptor, None
        if descriptor is not None:
            os.close(descriptor)

    @property
    def held(self) -> bool:
        """Whether this object holds the lock."""
        return self._descriptor is not None

    def __enter__(self) -> None:
        if not any(self.try_acquire() for _ in attempts(self._timeout)):
            raise StoreLockedError(path=self._root, seconds=self._timeout)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()
