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


def in_order(tasks: Iterable[Callable[[], _T]], give_up: Callable[[], None] | None = None) -> Generator[_T, None, None]:
    """The results of the tasks in order; a few more than there are processors are under way at a time.

    Once nobody wants more of them ``give_up`` is called, and those that are under way are waited for.
    """
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
            if give_up is not None:
                give_up()
            for call in calls:
                call.cancel()
