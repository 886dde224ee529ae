"""Is every piece done, in order and once, whatever becomes of the processes that do it?"""

from __future__ import annotations

import contextlib
import os
import resource
import signal
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from ion_summary import workers
from ion_summary.polling import attempts
from ion_summary.workers import Workers

HERE = os.getpid()


def square(number: int) -> tuple[int, int]:
    return number * number, os.getpid()


def killed(number: int, parent: int) -> int:
    """Cannot be done by any process but the parent."""
    if os.getpid() != parent:
        os.kill(os.getpid(), signal.SIGKILL)
    return number


def killed_once(number: int, mark: Path) -> int:
    """Kills the first process that takes the fifth piece."""
    if number == 5 and not mark.exists():
        mark.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return number


@pytest.fixture
def starts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many processes were to be started, each time."""
    counted: list[int] = []
    begin = workers._start

    def watched(count: int) -> Any:
        counted.append(count)
        return begin(count)

    monkeypatch.setattr(workers, "_start", watched)
    return counted


def test_pieces_are_done_in_order_by_others(starts: list[int]) -> None:
    with Workers(2) as some:
        found = list(some.in_order(square, ((number,) for number in range(30))))
    assert [result for result, _ in found] == [number * number for number in range(30)]
    assert HERE not in {process for _, process in found}
    assert starts == [2]


def test_one_alone_starts_none(starts: list[int]) -> None:
    with Workers(1) as some:
        assert {process for _, process in some.in_order(square, [(1,), (2,)])} == {HERE}
    assert not starts


def test_a_killed_process_loses_nothing_and_another_takes_its_place(tmp_path: Path, starts: list[int]) -> None:
    with Workers(2) as some:
        found = list(some.in_order(killed_once, ((number, tmp_path / "mark") for number in range(60))))
        _, process = some.submit(square, 1).result()
    assert found == list(range(60))
    assert process != HERE
    assert len(starts) == 2


def test_where_processes_only_die_the_work_is_done_here(starts: list[int]) -> None:
    with Workers(2) as some:
        assert list(some.in_order(killed, ((number, HERE) for number in range(200)))) == list(range(200))
    assert len(starts) <= workers._ATTEMPTS


@contextlib.contextmanager
def files_left(count: int) -> Iterator[None]:
    """This process can open only so many files more."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (max(map(int, os.listdir("/proc/self/fd"))) + 64, limits[1]))
    held = list[int]()
    try:
        with contextlib.suppress(OSError):
            while True:
                held.append(os.open(os.devnull, os.O_RDONLY))
        for _ in range(count):
            os.close(held.pop())
        yield
    finally:
        for descriptor in held:
            os.close(descriptor)
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)


@pytest.mark.parametrize("spare", range(0, 24, 3))
def test_where_none_can_be_started_the_work_is_done_here(spare: int) -> None:
    with Workers(2) as some:
        assert some.submit(square, 1).result()[0] == 1  # what is needed is loaded
    with Workers(2) as some, files_left(spare):
        found = [some.submit(square, number).result()[0] for number in range(20)]
    assert found == [number * number for number in range(20)]


def test_a_process_that_is_started_into_an_ending_pool_is_no_loss(monkeypatch: pytest.MonkeyPatch) -> None:
    begin = workers._start
    started: list[Any] = []

    def watched(count: int) -> Any:
        pool = begin(count)
        if not started:  # as CPython ends a pool of which a process was killed, while another is being started
            pool._call_queue._reader.close()
        started.append(pool)
        return pool

    monkeypatch.setattr(workers, "_start", watched)
    with Workers(2) as some:
        result, process = some.submit(square, 3).result()
    assert (result, len(started)) == (9, 2)
    assert process != HERE


def test_now_and_then_a_killed_process_is_no_reason_to_go_on_alone(starts: list[int]) -> None:
    with Workers(2) as some:
        for _ in range(2 * workers._ATTEMPTS):
            assert some.submit(killed, 1, HERE).result() == 1
            assert broken(some)
            assert some.submit(square, 2).result()[1] != HERE
    assert len(starts) == 2 * workers._ATTEMPTS + 1


def broken(some: Workers) -> bool:
    """Whether the pool has noticed that a process was killed: the call's result may be known a moment before."""
    return any(some._pool and some._pool._broken for _ in attempts(10, pause_s=0.001))


def test_what_the_work_raises_is_raised(starts: list[int]) -> None:
    with Workers(2) as some, pytest.raises(ZeroDivisionError):
        some.submit(divmod, 1, 0).result()
    assert starts == [2]


def test_no_more_lies_ready_than_is_soon_wanted(starts: list[int]) -> None:
    given = SimpleNamespace(count=0)

    def pieces() -> Iterator[tuple[int]]:
        for number in range(100):
            given.count = number + 1
            yield (number,)

    with Workers(2) as some:
        results = some.in_order(square, pieces())
        for number in range(10):
            assert next(results)[0] == number * number
            assert given.count <= number + 2 + workers._AHEAD * 2
    assert starts == [2]
