"""Who does the same work on many pieces at once? Processes that end when their parent does."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Generic, ParamSpec, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

# Python's 700 has a worker look for cyclic garbage, of which there is hardly any, for a tenth of its time.
_OBJECTS_BETWEEN_COLLECTIONS = 20_000

# Processes that end before they have done anything will not do better the next time: perhaps none can be started here.
_ATTEMPTS = 3

# So many pieces for each process lie ready while whoever wants the results is busy with something else.
_AHEAD = 4

_P = ParamSpec("_P")
_T = TypeVar("_T")


class Call(Generic[_T]):
    """A piece of work under way, or one that nobody else can do (no ``future``)."""

    def __init__(self, future: Future[_T] | None, here: Callable[[], _T]) -> None:
        self._future = future
        self._here = here

    def result(self) -> _T:
        """What came of it. If its process was killed (out of memory, say) the work is done here and now."""
        from concurrent.futures.process import BrokenProcessPool

        if self._future is None:
            return self._here()
        try:
            return self._future.result()
        except BrokenProcessPool:
            return self._here()


class Workers:
    """Worker processes, started when the first work is given, and again when one of them was killed.

    Args:
        count: how many; None takes one for each processor this process may use.
    """

    def __init__(self, count: int | None) -> None:
        self.count = len(os.sched_getaffinity(0)) if count is None else count
        self._pool: ProcessPoolExecutor | None = None
        self._in_vain = 0

    def __enter__(self) -> Workers:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def started(self) -> bool:
        """Whether there are processes already."""
        return self._pool is not None

    def submit(self, function: Callable[_P, _T], *args: _P.args, **kwargs: _P.kwargs) -> Call[_T]:
        """Begins with ``function(*args)``; function, arguments and result travel between processes."""
        from concurrent.futures.process import BrokenProcessPool

        future: Future[_T] | None = None
        while future is None and (self.started or self._in_vain < _ATTEMPTS):
            try:
                future = self._ready().submit(function, *args, **kwargs)
                future.add_done_callback(self._note)
            except (BrokenProcessPool, OSError):  # OSError: none can be started, or not into a pool that is just ending
                self.close()
        return Call(future, lambda: function(*args, **kwargs))

    def _ready(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._in_vain += 1
            self._pool = _start(self.count)
        return self._pool

    def _note(self, done: Future[Any]) -> None:
        from concurrent.futures.process import BrokenProcessPool

        if not done.cancelled() and not isinstance(done.exception(), BrokenProcessPool):
            self._in_vain = 0

    def in_order(
        self, function: Callable[..., _T], pieces: Iterable[tuple[Any, ...]], ahead: int = _AHEAD
    ) -> Iterator[_T]:
        """``function(*piece)`` for each piece, in order; ``ahead`` of them for each process lie ready meanwhile."""
        if self.count == 1:
            yield from (function(*piece) for piece in pieces)
            return
        calls: deque[Call[_T]] = deque()
        for piece in pieces:
            calls.append(self.submit(function, *piece))
            if len(calls) > ahead * self.count:
                yield calls.popleft().result()
        while calls:
            yield calls.popleft().result()

    def close(self) -> None:
        """Ends the processes; work that has not begun is dropped."""
        if self._pool is not None:
            _end(self._pool)
            self._pool = None


def _end(pool: ProcessPoolExecutor) -> None:
    # A process that was being started when another one was killed is waited for, but never told to end (CPython 3.11
    # to 3.13): nobody would come back from the shutdown.
    if pool._broken:
        for process in list(pool._processes.values()):
            process.kill()
    pool.shutdown(wait=True, cancel_futures=True)


def _start(count: int) -> ProcessPoolExecutor:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Not forked: a forked child would hold the store's lock for as long as it lives.
    return ProcessPoolExecutor(count, mp_context=get_context("spawn"), initializer=_begin)


def _begin() -> None:
    """How a worker begins. A killed parent cannot end its workers, and they would wait for work for ever."""
    import gc
    import signal
    from multiprocessing import parent_process
    from threading import Thread

    gc.freeze()
    gc.set_threshold(_OBJECTS_BETWEEN_COLLECTIONS)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C goes to the whole group; the parent says what is to be done
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    Thread(target=watch, daemon=True).start()
