"""Who may write now? One process, and in it one thread, by ``flock`` on a file that is never unlinked.

Whoever takes the lock gives the file a time of its own, so that who takes it again knows whether anybody has had it
since. Only a running process asks, so that nothing need be synced.
"""

from __future__ import annotations

import contextlib
import fcntl
import os
import time
from pathlib import Path
from types import TracebackType

from ion_summary.errors import StoreLockedError
from ion_summary.polling import attempts
from ion_summary.store.files import writing
from ion_summary.store.layout import LOCK


class WriterLock:
    """The writer's lock of one store. The kernel frees it when the process ends, however it ends."""

    def __init__(self, root: Path, timeout: float) -> None:
        self._root = root
        self._timeout = timeout
        self._descriptor: int | None = None
        self._mark: int | None = None
        #: Whether nobody else has had the lock since this object had it the last time.
        self.undisturbed = False

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
        self.undisturbed = self._mark is not None and os.fstat(descriptor).st_mtime_ns == self._mark
        if not self.undisturbed:
            self._mark = _stamped(descriptor)
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
        # flock has no time limit of its own, and an alarm would belong to the whole process: so it is asked again.
        if not any(self.try_acquire() for _ in attempts(self._timeout)):
            raise StoreLockedError(path=self._root, seconds=self._timeout)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.release()


def _stamped(descriptor: int) -> int | None:
    """The time that a file has got, which nobody else gives it; None where times are not kept so precisely."""
    now = time.time_ns()
    try:
        os.utime(descriptor, ns=(now, now))
    except OSError:  # another account's: it may only be given the present time
        with contextlib.suppress(OSError):
            os.utime(descriptor)
        return None
    return now if os.fstat(descriptor).st_mtime_ns == now else None
