"""Who may write, when, with which rights, and what happens when writing fails?"""

from __future__ import annotations

import fcntl
import os
import shutil
import signal
import stat
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC
from functools import partial
from pathlib import Path

import pytest

from ion_summary.errors import StoreLockedError, StoreNotWritableError
from ion_summary.store import layout
from ion_summary.store.catalog import Catalog
from ion_summary.store.segments import Segments
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.tracking import unindexed
from tests.conftest import files_of
from tests.store import oracle

ROOT = Path(__file__).parents[2]
NOBODY = 65534
HOLD = """
import fcntl, os, sys
fd = os.open(sys.argv[1], os.O_RDWR | os.O_CREAT, 0o600)
fcntl.flock(fd, fcntl.LOCK_EX)
print("held", flush=True)
sys.stdin.read()
"""
SAVE = """
import sys
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1])
for number in range(int(sys.argv[3])):
    storage.save(f"{sys.argv[2]}-{number}", sys.argv[2], f"- 환불 {number}")
    print(f"{sys.argv[2]}-{number}", flush=True)
"""


def python(code: str, *words: object, **more: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-c", code, *map(str, words)]
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
    return subprocess.Popen(command, cwd=ROOT, **(pipes | more))  # type: ignore[call-overload, no-any-return]


@pytest.fixture
def filled(store: Path) -> Path:
    with SessionSummaryStorage(store) as storage:
        for number in range(3):
            storage.save(f"s-{number}", "u", f"- 환불 {number}")
    return store


@pytest.fixture
def held(filled: Path) -> Iterator[Path]:
    """A store that another process is writing."""
    with python(HOLD, filled / ".lock") as other:
        assert other.stdout is not None
        assert other.stdout.readline() == "held\n"
        yield filled
        other.communicate()


def test_a_second_writer_is_refused(held: Path) -> None:
    before = files_of(held)
    with SessionSummaryStorage(held, lock_timeout=0.1) as storage:
        with pytest.raises(StoreLockedError) as error:
            storage.save("s-9", "u", "- no")
        assert error.value.exit_code == 11
        assert str(held) in str(error.value)
        with pytest.raises(StoreLockedError):
            storage.delete("s-1")
    assert files_of(held) == before


def test_readers_go_on_while_another_writes(held: Path) -> None:
    with SessionSummaryStorage(held, lock_timeout=0.1) as storage:
        assert [one.session_id for one in storage.list_recent()] == ["s-2", "s-1", "s-0"]
        (partition,) = held.glob("????-??/*.jsonl")
        line = partition.read_bytes().splitlines(keepends=True)[0]
        with partition.open("ab") as file:
            file.write(line[:-10])
        storage.close()
        assert len(storage.list_recent()) == 3  # half a record is none
        shutil.rmtree(held / "index")
        storage.close()
        assert len(storage.search(query_text="환불")) == 3
        assert storage.get_stats()["total_sessions"] == 3
        assert not (held / "index").exists()


def test_two_storages_of_one_process_exclude_each_other(filled: Path) -> None:
    with SessionSummaryStorage(filled) as one, SessionSummaryStorage(filled, lock_timeout=0) as other:
        with one.writing(), pytest.raises(StoreLockedError):
            other.save("s-9", "u", "- no")
        assert other.save("s-9", "u", "- yes")
        assert one.load("s-9") is not None


def test_a_killed_writer_leaves_no_lock(filled: Path) -> None:
    with python(HOLD, filled / ".lock") as other:
        assert other.stdout is not None
        other.stdout.readline()
        other.send_signal(signal.SIGKILL)
        other.wait()
    with SessionSummaryStorage(filled, lock_timeout=1) as storage:
        assert storage.save("s-9", "u", "- yes")


def test_the_lock_file_stays(filled: Path) -> None:
    inode = (filled / ".lock").stat().st_ino
    with SessionSummaryStorage(filled) as storage:
        storage.save("s-9", "u", "- yes")
        storage.delete("s-1")
    assert (filled / ".lock").stat().st_ino == inode


@pytest.mark.parametrize("umask", [0o000, 0o022, 0o277])
def test_only_the_owner_may_look(tmp_path: Path, umask: int) -> None:
    before = os.umask(umask)
    try:
        store = tmp_path / "deep" / "er" / "store"
        with SessionSummaryStorage(store) as storage:
            storage.save("s-1", "u", "- 비밀", metadata={"title": "t"})
            with storage.writing() as writer:
                writer.fill_segments()
            (partition,) = store.glob("????-??/*.jsonl")
            with partition.open("ab") as file:
                file.write(b"torn")
            storage.save("s-2", "u", "- 비밀")
            storage.delete("s-1")
    finally:
        os.umask(before)
    for path in [store, *store.rglob("*")]:
        mode = stat.S_IMODE(path.stat().st_mode)
        assert mode & 0o077 == 0, (path, oct(mode))
        if umask != 0o277:
            assert mode == (0o700 if path.is_dir() else 0o600), (path, oct(mode))
    assert any((store / "quarantine").iterdir())


@pytest.mark.parametrize("name", [".lock", "partition"])
def test_a_symbolic_link_is_not_followed(filled: Path, tmp_path: Path, name: str) -> None:
    (partition,) = filled.glob("????-??/*.jsonl")
    path = {".lock": filled / ".lock", "partition": partition}[name]
    outside = tmp_path / "outside"
    outside.write_bytes(b"valuable\n")
    path.unlink()
    path.symlink_to(outside)
    with SessionSummaryStorage(filled) as storage:
        with pytest.raises(StoreNotWritableError) as error:
            storage.save("s-9", "u", "- no")
        assert error.value.exit_code == 14
        storage.list_recent()
    assert outside.read_bytes() == b"valuable\n"


def test_four_processes_save_a_hundred_each(store: Path) -> None:
    processes = [python(SAVE, store, name, 100) for name in "abcd"]
    acknowledged = []
    for each in processes:
        out, errors = each.communicate(timeout=60)
        assert (each.returncode, errors) == (0, "")
        acknowledged += out.split()
    assert len(acknowledged) == 400
    with SessionSummaryStorage(store) as storage:
        assert storage.get_stats()["total_sessions"] == 400
        assert sorted(one.session_id for one in storage.list_recent(1000)) == sorted(acknowledged)
    lines = [line for path in store.glob("????-??/*.jsonl") for line in path.read_bytes().splitlines()]
    assert len(lines) == 400


def test_a_killed_saver_loses_nothing_acknowledged(store: Path) -> None:
    """Twenty writers in turn, each killed in the middle of its work."""
    acknowledged: list[str] = []
    for number in range(20):
        with python(SAVE, store, f"w{number}", 10_000) as writer:
            assert writer.stdout is not None
            acknowledged += [writer.stdout.readline().strip() for _ in range(3 + number % 5)]
            writer.kill()
            acknowledged += writer.stdout.read().split("\n")[:-1]
    with SessionSummaryStorage(store, lock_timeout=1) as storage:
        storage.save("last", "u", "- 끝")
        there = [one.session_id for one in storage.list_recent(100_000)]
    assert len(there) == len(set(there))
    assert set(there) >= {*acknowledged, "last"}
    assert sorted(oracle.scan(store)) == sorted(there)


# -- full and read-only -----------------------------------------------------------------------------------------------


@pytest.fixture
def tiny(tmp_path: Path) -> Iterator[Callable[[str], Path]]:
    """Mounts file systems that are soon full."""
    mounted = []

    def mount(options: str) -> Path:
        place = tmp_path / "tiny"
        place.mkdir()
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", options, "tmpfs", place], capture_output=True, check=False)
        if done.returncode:
            pytest.skip(f"cannot mount a tmpfs: {done.stderr.decode().strip()}")
        mounted.append(place)
        return place

    if os.geteuid() != 0 or shutil.which("mount") is None:
        pytest.skip("only root can mount a small file system")
    yield mount
    for place in mounted:
        subprocess.run(["umount", "-l", place], check=True)


@pytest.mark.parametrize("text", ["- 짧은 요약", "- " + "긴 요약 " * 500], ids=["small", "large"])
def test_a_full_disk_is_an_error_and_harms_nothing(tiny: Callable[[str], Path], text: str) -> None:
    store = tiny("size=2M") / "store"
    acknowledged = []
    with SessionSummaryStorage(store) as storage:
        for number in range(100_000):
            try:
                storage.save(f"s-{number}", "u", text)
            except StoreNotWritableError as error:
                assert error.exit_code == 14
                break
            acknowledged.append(f"s-{number}")
            if number == 5:
                (store / "ballast").write_bytes(b"\0" * (1400 << 10))
        before = files_of(store)
        for _ in range(5):
            with pytest.raises(StoreNotWritableError):
                storage.save("never", "u", text * 5)
        after = files_of(store)
        assert after == before
    assert len(acknowledged) > 5
    with SessionSummaryStorage(store) as storage:
        there = {one.session_id for one in storage.list_recent(100_000)}
        assert there >= set(acknowledged)
        assert "never" not in there
        (store / "ballast").unlink()
        storage.save("again", "u", text)
        there = {one.session_id for one in storage.list_recent(100_000)}
        assert there >= {*acknowledged, "again"}
        assert "never" not in there
    assert sorted(there) == sorted(oracle.scan(store))


def test_no_room_for_one_more_file(tiny: Callable[[str], Path]) -> None:
    place = tiny("size=4M,nr_inodes=30")
    catalog = place / "store" / "index" / "catalog.sqlite"
    with SessionSummaryStorage(place / "store") as storage:
        storage.save("s-1", "u", "- 요약")
        inode = catalog.stat().st_ino
    with SessionSummaryStorage(place / "store") as storage:  # the one before would need no new file
        for number in range(100):
            try:
                (place / f"f{number}").touch()
            except OSError:
                break
        else:
            pytest.fail("the file system is not full")
        with pytest.raises(StoreNotWritableError):
            storage.save("s-2", "u", "- 요약")
        assert {one.session_id for one in storage.list_recent()} == {"s-1"}
        for name in range(6):
            (place / f"f{name}").unlink()
        storage.save("s-3", "u", "- 요약")
        assert {one.session_id for one in storage.list_recent()} == {"s-1", "s-3"}
    assert catalog.stat().st_ino == inode  # a refusal is no reason to derive everything again


READ = """
import sys
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.errors import StoreNotWritableError
storage = SessionSummaryStorage(sys.argv[1])
print(len(storage.list_recent()), len(storage.search(query_text="환불")), storage.get_stats()["total_sessions"])
print(storage.load("s-1").summary)
try:
    storage.save("s-9", "u", "- no")
except StoreNotWritableError as error:
    print(error.exit_code)
"""


@pytest.mark.parametrize("index", ["there", "gone", "behind"])
def test_a_store_of_somebody_else_is_readable(filled: Path, index: str) -> None:
    if os.geteuid() != 0 or shutil.which("setpriv") is None:
        pytest.skip("only root can become somebody else, by setpriv")
    if index == "gone":
        shutil.rmtree(filled / "index")
    elif index == "behind":
        (partition,) = filled.glob("????-??/*.jsonl")
        lines = partition.read_bytes()
        partition.unlink()
        with SessionSummaryStorage(filled) as storage:
            storage.list_recent()
        partition.write_bytes(lines)
    for path in [filled, *filled.rglob("*"), *filled.parents]:
        path.chmod(path.stat().st_mode | (0o055 if path.is_dir() else 0o044))
    before = sorted(path for path in filled.rglob("*"))
    python = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", sys.executable, "-c"]
    run = partial(subprocess.run, cwd=ROOT, capture_output=True, text=True, timeout=30, check=False)
    if run([*python, "import ion_summary"]).returncode:
        pytest.skip("another user cannot read this checkout or its Python")
    done = run([*python, READ, str(filled)])
    assert (done.stdout, done.stderr) == ("3 3 3\n- 환불 1\n14\n", "")
    assert sorted(path for path in filled.rglob("*")) == before


def test_a_read_only_mount_is_readable(tiny: Callable[[str], Path]) -> None:
    place = tiny("size=4M")
    with SessionSummaryStorage(place / "store") as storage:
        storage.save("s-1", "u", "- 환불")
    subprocess.run(["mount", "-o", "remount,ro", place], check=True)
    with SessionSummaryStorage(place / "store") as storage:
        assert len(storage.search(query_text="환불")) == 1
        with pytest.raises(StoreNotWritableError):
            storage.save("s-2", "u", "- no")
        with pytest.raises(StoreNotWritableError):
            storage.delete("s-1")


def test_a_clock_set_back_does_not_bring_an_old_summary_back(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with SessionSummaryStorage(store, tz=UTC) as storage:
        storage.save("s", "u", "- 나중", "llm")
        monkeypatch.setattr(time, "time_ns", lambda: 1_600_000_000_000_000_000)
        storage.save("s", "u", "- 지금", "llm")
        assert storage.load("s").summary == "- 지금"  # type: ignore[union-attr]
        assert storage.get_stats()["total_sessions"] == 1
    shutil.rmtree(store / "index")
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert storage.load("s").summary == "- 지금"  # type: ignore[union-attr]


def test_the_descriptor_of_the_lock_is_not_inherited(filled: Path) -> None:
    with SessionSummaryStorage(filled) as storage, storage.writing():
        child = subprocess.Popen(["sleep", "60"])
    try:
        descriptor = os.open(filled / ".lock", os.O_RDWR)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.close(descriptor)
    finally:
        child.kill()
        child.wait()


def test_the_hot_tail_goes_into_its_segment_a_part_at_a_time(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def waiting(catalog: Catalog, segments: Segments) -> int:
        ends = unindexed(catalog.partitions(), segments.indexed())
        return sum(layout.records_path(store, day).read_bytes()[start:end].count(b"\n") for day, start, end in ends)

    monkeypatch.setattr("ion_summary.store.filling.TAIL_LINES", 5)
    monkeypatch.setattr("ion_summary.store.filling._STEP_BYTES", 600)
    waited = set()
    with SessionSummaryStorage(store) as storage:
        for number in range(40):
            storage.save(f"s-{number % 30}", "u-1", f"환불 문의 {number}")
            assert len(storage.search(query_text="환불")) == min(number + 1, 30)
            waited.add(storage.reading(waiting))
    assert 5 in waited
    assert waited <= {1, 2, 3, 4, 5}
