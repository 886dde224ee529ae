"""Who writes the summaries of a large batch? Worker processes, which end when their parent does."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from typing import Any

import orjson

# Starting the workers takes as long as summarizing so many sessions.
_WORTH_WORKERS = 400
_CHUNK = 100

Summaries = Callable[[], list[tuple[str, list[str]]]]


class Summarizers:
    """Summarizes batches of sessions, in worker processes once there is enough to do.

    Args:
        workers: how many processes; 1 summarizes in this one, None takes one for each processor.
    """

    def __init__(self, max_bullets: int, max_chars: int, workers: int | None) -> None:
        self._limits = (max_bullets, max_chars)
        self._workers = len(os.sched_getaffinity(0)) if workers is None else workers
        self._pool: Any = None

    def begin(self, batch: Sequence[bytes]) -> Summaries:
        """Begins with the sessions whose messages are given as JSON; the returned call waits for the results."""
        if self._pool is None and (self._workers == 1 or len(batch) < _WORTH_WORKERS):
            return lambda: summarize_all(batch, *self._limits)
        if self._pool is None:
            self._pool = _start(self._workers)
        chunks = [batch[i : i + _CHUNK] for i in range(0, len(batch), _CHUNK)]
        running = [self._pool.submit(summarize_all, chunk, *self._limits) for chunk in chunks]
        return lambda: [item for future in running for item in future.result()]

    def close(self) -> None:
        """Ends the workers; what they have not begun is dropped."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)


def summarize_all(batch: Sequence[bytes], max_bullets: int, max_chars: int) -> list[tuple[str, list[str]]]:
    """The summary and the tags of each session."""
    from ion_summary.summarizers.rule import digest_session

    return [digest_session(orjson.loads(messages), max_bullets, max_chars) for messages in batch]


def _start(workers: int) -> Any:
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    # Not forked: a forked child would keep the store's lock for as long as it lives.
    return ProcessPoolExecutor(workers, mp_context=get_context("spawn"), initializer=_end_with_parent)


def _end_with_parent() -> None:
    """A killed parent cannot end its workers, and they would wait for work for ever."""
    import signal
    from multiprocessing import parent_process
    from threading import Thread

    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C goes to the whole group; the parent says what is to be done
    parent = parent_process()
    assert parent is not None

    def watch() -> None:
        parent.join()
        os._exit(1)

    Thread(target=watch, daemon=True).start()


