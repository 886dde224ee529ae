"""Can somebody read a store who may not write it, or is he told what it takes?"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from ion_summary.errors import IonSummaryError
from ion_summary.jobs.job import Wanted
from ion_summary.jobs.queue import Queue
from ion_summary.operations.search import search
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage

pytestmark = pytest.mark.skipif(os.getuid() != 0, reason="only root can mount, and become somebody else")
SOMEBODY = 54_321


@pytest.fixture
def some(store: Path) -> Path:
    """A store with three sessions, one of them in the hot tail only, and its index."""
    with SessionSummaryStorage(store) as storage:
        storage.save("s-1", "u-1", "- 전액환불을 원함")
        storage.save("s-2", "u-2", "- Refunded already")
        with storage.writing() as writer:
            writer.fill_segments()
        storage.save("s-3", "u-1", "- 환불 문의")
    return store


def look(root: Path) -> str:
    """What a reader who asks every part of the index gets to see, or the error that he is shown."""
    try:
        with SessionSummaryStorage(root) as storage:
            by_text = [search(storage, Query(text=text)) for text in ("환불", "refund", '"환불 문의"', "없음")]
            by_user = search(storage, Query(user="u-1"))
            totals = [result.total for result in (*by_text, by_user)]
            return f"{totals} {storage.get_stats()['total_sessions']} {storage.load('s-3') is not None}"
    except IonSummaryError as error:
        return f"{type(error).__name__}: {error}\n{error.hint}"


ALL_OF_IT = "[2, 1, 1, 0, 2] 3 True"


@pytest.fixture
def mounted(some: Path, tmp_path: Path) -> Iterator[Path]:
    """The store once more, on a mount that is read-only."""
    at = tmp_path / "mounted"
    at.mkdir()
    done = subprocess.run(["mount", "--bind", some, at], check=False, capture_output=True)
    if done.returncode:
        pytest.skip("no mounts in this container")
    try:
        subprocess.run(["mount", "-o", "remount,ro,bind", at], check=True)
        yield at
    finally:
        subprocess.run(["umount", at], check=True)


def test_on_a_read_only_mount(mounted: Path) -> None:
    assert look(mounted) == ALL_OF_IT


def test_on_a_read_only_mount_without_an_index(some: Path, mounted: Path) -> None:
    shutil.rmtree(some / "index")
    assert look(mounted) == ALL_OF_IT
    assert not (some / "index").exists()


def test_on_a_read_only_mount_while_another_writes_elsewhere(some: Path, mounted: Path) -> None:
    with SessionSummaryStorage(some) as writer:
        writer.save("s-4", "u-1", "- 환불 하나 더")
        assert look(mounted) == "[3, 1, 1, 0, 3] 4 True"


def as_somebody(what: Callable[[], str]) -> str:
    """What another account gets. In a fork: it may not even be allowed to read the interpreter."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            os.setgroups([])
            os.setgid(SOMEBODY)
            os.setuid(SOMEBODY)
            os.write(writing, what().encode())
        except BaseException as error:  # noqa: BLE001 - a fork must not go on as pytest
            os.write(writing, repr(error).encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        said = pipe.read().decode()
    os.waitpid(child, 0)
    return said


@pytest.fixture
def shared() -> Iterator[Path]:
    """A store in a place that everybody can reach, its files readable for all."""
    import tempfile

    parent = Path(tempfile.mkdtemp(prefix="shared-"))
    parent.chmod(0o755)
    with SessionSummaryStorage(parent / "s") as storage:
        storage.save("s-1", "u-1", "- 전액환불을 원함")
        storage.save("s-2", "u-2", "- Refunded already")
        with storage.writing() as writer:
            writer.fill_segments()
        storage.save("s-3", "u-1", "- 환불 문의")
    look(parent / "s")  # all is imported now that the other account may not import
    yield parent / "s"
    shutil.rmtree(parent)


def readable(root: Path) -> None:
    for path in [root, *root.rglob("*")]:
        path.chmod(0o755 if path.is_dir() else 0o644)


def test_another_account_that_may_read(shared: Path) -> None:
    readable(shared)
    assert as_somebody(lambda: look(shared)) == ALL_OF_IT


def test_another_account_while_the_owner_writes(shared: Path) -> None:
    with SessionSummaryStorage(shared) as writer:
        writer.save("s-4", "u-1", "- 환불 하나 더")
        readable(shared)
        assert as_somebody(lambda: look(shared)) == "[3, 1, 1, 0, 3] 4 True"


def test_another_account_after_lines_that_the_index_does_not_know(shared: Path) -> None:
    (partition,) = shared.glob("????-??/*.jsonl")
    line = partition.read_bytes().splitlines(keepends=True)[-1]
    with partition.open("ab") as file:
        file.write(line.replace(b"s-3", b"s-9").partition(b',"digest"')[0] + b"}\n")
    readable(shared)
    assert as_somebody(lambda: look(shared)).endswith("True")


def test_another_account_that_may_not_read_is_told_what_it_takes(shared: Path) -> None:
    for path in (shared, *sorted(shared.rglob("*"))):
        said = as_somebody(lambda: look(shared))
        if path.suffix == ".jsonl" or path.name[:2] == "20" or path == shared:
            assert said.startswith(f"StoreNotReadableError: this account may not read {path}\n"), (said, path)
            assert "chmod" in said
        path.chmod(0o755 if path.is_dir() else 0o644)
    assert as_somebody(lambda: look(shared)) == ALL_OF_IT


def look_at_queue(root: Path) -> str:
    """What a reader gets to see of the queue, by whichever command."""
    from ion_summary.config import resolve
    from ion_summary.operations.estimate import estimate_pending, estimate_queued
    from ion_summary.operations.stats import stats
    from ion_summary.operations.verify import verify
    from ion_summary.operations.worker import WorkerRequest
    from ion_summary.progress import Silent

    settings = resolve({}, {"HOME": "/nowhere"})
    seen = list[str]()
    with SessionSummaryStorage(root) as storage:
        for ask in (
            lambda: verify(storage, Silent()).findings,
            lambda: estimate_queued(storage, settings, WorkerRequest()).skipped,
            lambda: estimate_pending(storage, settings, WorkerRequest()).skipped,
            lambda: stats(storage).pending_jobs,
        ):
            try:
                seen.append(str(ask()))
            except IonSummaryError as error:
                seen.append(f"{type(error).__name__}: {error}")
    return "\n".join(seen)


def queue_of(root: Path) -> Queue:
    queue = Queue(root)
    queue.put([Wanted("s-1", "u-1", "c", 0)])
    return queue


ALL_OF_THE_QUEUE = "[]\n1\n0\n1"


def test_the_queue_on_a_read_only_mount(some: Path, mounted: Path) -> None:
    queue_of(some).close()
    assert look_at_queue(mounted) == ALL_OF_THE_QUEUE
    with queue_of(some):
        assert look_at_queue(mounted) == ALL_OF_THE_QUEUE


def test_the_queue_of_another_account(shared: Path) -> None:
    queue_of(shared).close()
    look_at_queue(shared)
    readable(shared)
    assert as_somebody(lambda: look_at_queue(shared)) == ALL_OF_THE_QUEUE
    with queue_of(shared):
        readable(shared)
        assert as_somebody(lambda: look_at_queue(shared)) == ALL_OF_THE_QUEUE
    (shared / "jobs.sqlite").chmod(0o600)
    said = as_somebody(lambda: look_at_queue(shared)).splitlines()
    assert set(said) == {f"StoreNotReadableError: this account may not read {shared / 'jobs.sqlite'}"}
    shared.chmod(0o700)
    said = as_somebody(lambda: look_at_queue(shared)).splitlines()
    assert all(line.startswith("StoreNotReadableError: this account may not read") for line in said), said
