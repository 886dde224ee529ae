"""How do threads work ahead of whoever takes their results in order, without piling them up?

Threads, because what they do (compressing, hashing, reading) lets go of the interpreter's lock.
"""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from concurrent.futures import Future

_T = TypeVar("_T")
_MOST = 8


def in_order(tasks: Iterable[Callable[[], _T]]) -> Generator[_T, None, None]:
    """The results of the tasks in order; a few more than there are processors are under way at a time."""
    from concurrent.futures import ThreadPoolExecutor

    count = min(_MOST, len(os.sched_getaffinity(0)))
    calls: deque[Future[_T]] = deque()
    with ThreadPoolExecutor(count) as pool:
        try:
            for task in tasks:
                calls.append(pool.submit(task))
                if len(calls) > count + 1:
                    yield calls.popleft().result()
            while calls:
                yield calls.popleft().result()
        finally:
            for call in calls:
                call.cancel()
