"""Several processes write, prune and delete while one backs up again and again: is every archive a moment that was?"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from datetime import UTC
from itertools import pairwise
from pathlib import Path

import pytest

from ion_summary.operations.restore import RestoreRequest, restore
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store.archives.directory import archives_in
from ion_summary.store.storage import SessionSummaryStorage
from tests.store import oracle

ROOT = Path(__file__).parents[2]
DAYS = 40

# Saves numbered sessions one after the other: whoever sees number n sees all before it.
SAVE = """
import sys
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1], lock_timeout=120)
for number in range(int(sys.argv[3])):
    storage.save(f"{sys.argv[2]}-{number:05}", sys.argv[2], "- 환불 " + "가나다" * 50)
storage.close()
"""
# Ingests numbered files, each of three sessions on three days: an ingest of one file is one group.
INGEST = """
import json, sys
from pathlib import Path
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1], lock_timeout=120)
place = Path(sys.argv[4])
place.mkdir()
for number in range(int(sys.argv[3])):
    lines = [
        {"session_id": f"{sys.argv[2]}-{number:05}-{day}", "user_id": sys.argv[2], "messages": [
            {"role": "user", "content": f"환불 {number}", "timestamp": f"2026-01-{4 + day:02}T06:10:00Z"},
            {"role": "assistant", "content": "네"}]}
        for day in range(3)
    ]
    path = place / f"{number:05}.jsonl"
    path.write_text("".join(json.dumps(line) + chr(10) for line in lines))
    report = ingest(storage, IngestRequest([path], workers=1), Silent())
    assert (report.new, report.rejected) == (3, []), report
storage.close()
"""
# Removes the oldest of the days that were there from the start, one after the other.
PRUNE = """
import sys
from ion_summary.operations.prune import prune
from ion_summary.store import layout
from ion_summary.store.pruning import Expiry
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1], lock_timeout=120)
first = layout.to_ms("2025-01-01T00:00:00Z", None)
for day in range(int(sys.argv[2])):
    prune(storage, Expiry(first + (day + 1) * layout.DAY_MS), force=True)
storage.close()
"""
BACKUP = """
import select, sys
from pathlib import Path
from ion_summary.operations.backup import BackupRequest, backup
from ion_summary.progress import Silent
from ion_summary.store.storage import SessionSummaryStorage
storage = SessionSummaryStorage(sys.argv[1], lock_timeout=120)
made = 0
while made < 3 or not select.select([sys.stdin], [], [], 0)[0]:
    report = backup(storage, BackupRequest(Path(sys.argv[2]), lock_timeout=120), Silent())
    made += 1
    print(report.archive.name, report.sessions)
storage.close()
"""


def check(archive: Path, sessions: int, place: Path) -> tuple[int, ...]:
    """Restores an archive; how far each of the writers was."""
    storage = SessionSummaryStorage(place / archive.name, tz=UTC)
    restore(storage, RestoreRequest(archive, workers=1), Silent())
    assert verify(storage, Silent()).findings == []
    there = {one.session_id for one in storage.list_recent(1_000_000)}
    assert there == set(oracle.scan(storage.path))
    assert len(there) == sessions, archive
    storage.close()
    reached = []
    for name in ("a", "b"):
        numbers = sorted(int(each[2:]) for each in there if each.startswith(f"{name}-"))
        assert numbers == list(range(len(numbers))), f"{archive}: {name} is no prefix"
        reached.append(len(numbers))
    ingested = sorted(each for each in there if each.startswith("i-"))
    assert ingested == [f"i-{at // 3:05}-{at % 3}" for at in range(len(ingested))], f"{archive}: not a prefix of i"
    assert len(ingested) % 3 == 0, f"{archive}: half a group"
    days = sorted(int(each[4:]) for each in there if each.startswith("old-"))
    assert days == list(range(DAYS - len(days), DAYS)), f"{archive}: days were not pruned in order"
    return (*reached, len(ingested), DAYS - len(days))


@pytest.mark.parametrize("rounds", [25, pytest.param(600, marks=pytest.mark.sweep)])
def test_every_archive_is_a_moment_that_was(
    store: Path, tmp_path: Path, rounds: int, figure: Callable[[str], None]
) -> None:
    _old_days(store)

    def start(code: str, *words: object) -> subprocess.Popen[str]:
        command = [sys.executable, "-W", "error", "-c", code, str(store), *map(str, words)]
        pipe = subprocess.PIPE
        return subprocess.Popen(command, cwd=ROOT, stdin=pipe, stdout=pipe, stderr=pipe, text=True)

    backups = start(BACKUP, tmp_path / "out")
    writers = [
        start(SAVE, "a", rounds),
        start(SAVE, "b", rounds),
        start(INGEST, "i", rounds // 2, tmp_path / "in"),
        start(PRUNE, min(rounds // 2, DAYS - 1)),
    ]
    said = [each.communicate(timeout=1_500) for each in writers] + [backups.communicate("stop\n", 600)]
    for each, (_, errors) in zip([*writers, backups], said, strict=True):
        if errors or each.returncode:
            pytest.fail(f"exit status {each.returncode}: {errors[-3_000:]}")
    told = dict(line.split() for line in said[-1][0].splitlines())
    archives = archives_in(tmp_path / "out")
    assert [each.path.name for each in archives] == list(told)
    assert len(archives) >= 3
    chosen = archives[:: max(1, len(archives) // 40)]
    reached = [check(each.path, int(told[each.path.name]), tmp_path / "again") for each in chosen]
    assert len(set(reached)) > 1, "nobody wrote between two backups"
    for earlier, later in pairwise(reached):
        assert all(before <= after for before, after in zip(earlier, later, strict=True)), (earlier, later)
    figure(f"{len(archives)} archives while four processes wrote: {len(reached)} restored, each a moment that was")


def _old_days(store: Path) -> None:
    """A session a day from the first of January 2025 on."""
    from ion_summary.store import layout, partition

    first = layout.day_of(layout.to_ms("2025-01-01T00:00:00Z", None))
    for day in range(DAYS):
        path = layout.records_path(store, first + day)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        at = layout.from_ms((first + day - layout.EPOCH_DAY) * layout.DAY_MS + 1_000)
        fields = {"session_id": f"old-{day}", "user_id": "old", "summary": "- 교환", "summary_type": "rule_based"}
        fields |= {"created_at": at, "message_count": 1, "summary_length": 4, "metadata": {"saved_at": at}}
        path.write_bytes(partition.encode(fields))
        path.chmod(0o600)
