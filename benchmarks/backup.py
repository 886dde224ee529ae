"""How fast are backup and restore beside tar and zstd, and what does a second backup cost?

    python -m benchmarks.backup --sessions 200000

Makes a store's partitions and as many bytes of transcripts, and its index. Then, taking turns: ``ion-summary backup``
against ``tar | zstd`` of the same tree (at zstd's own level, 3; both synced to the disk), ``ion-summary restore``
against ``zstd -d | tar -x``. A restore also builds the index,
which tar has not: so what it does before that (unpack, verify, sync) is measured in a process of its own. ``backup``
reads back what it has written, which tar does not; that is not taken off.
"""

from __future__ import annotations

import json
import shutil
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks import generate
from benchmarks.measure import ION_SUMMARY, Report, Run, arguments, median, run, size_of, workplace

# What a restore does before it builds the index.
_UNPACK = """
import sys
from pathlib import Path
from ion_summary.progress import Silent
from ion_summary.store.archives.reading import ArchiveReader
from ion_summary.store.archives.restoring import staged, unpack
target = Path(sys.argv[2])
with ArchiveReader(Path(sys.argv[1])) as reader, staged(target) as stage:
    unpack(reader, stage, Silent())
    stage.rename(target)
"""
_TREE = ("--exclude=./index", "--exclude=./.lock", ".")


def main() -> None:
    """Measure and print."""
    parser = arguments(__doc__, 200_000)
    parser.set_defaults(runs=5)
    options = parser.parse_args()
    if shutil.which("zstd") is None:
        print("skipped: the peer, zstd, is not installed (apt-get install zstd)")
        return
    report = Report(f"backup and restore of {options.sessions:,} sessions", options.sessions, 200_000)
    with workplace(options.work) as work:
        store = work / f"backed-up-{options.sessions}"
        if not store.exists():
            _make(store, options.sessions)
        size = size_of(store) - size_of(store / "index") - size_of(store / ".lock")
        report.add("partitions and transcripts", size / 1e6, "MB")
        _measure(report, store, work, size / 1e6, options.runs)
    report.finish(options.json)


def _make(store: Path, sessions: int) -> None:
    generate.write_store(store, sessions)
    for path in sorted(store.glob("????-??/*.jsonl")):  # transcripts compress as records do, and are not looked into
        day = path.stem.removeprefix("session_summaries_")
        copy = store / "transcripts" / path.parent.name / f"transcripts_{day}.jsonl"
        copy.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        shutil.copy(path, copy)
    run([*ION_SUMMARY, "reindex", "--store", str(store)])


def _measure(report: Report, store: Path, work: Path, megabytes: float, runs: int) -> None:
    out, peer, again, untarred = (work / name for name in ("archives", "peer.tar.zst", "again", "untarred"))
    tar = f"tar -c -C {store} {' '.join(_TREE)} | zstd -q -3 -T1 -f -o {peer} && sync {peer}"
    untar = f"mkdir {untarred} && zstd -dqc {peer} | tar -x -C {untarred} && sync -f {untarred}"
    archive = out / "none"

    def backup() -> Run:
        nonlocal archive
        done = run([*ION_SUMMARY, "backup", str(out), "--store", str(store), "--json"], watch_memory=True)
        archive = Path(json.loads(done.output)["archive"])
        return done

    def fresh() -> Run:
        shutil.rmtree(out, ignore_errors=True)
        return backup()

    def restore() -> Run:
        shutil.rmtree(again, ignore_errors=True)
        return run([*ION_SUMMARY, "restore", str(archive), "--to", str(again), "--yes"], watch_memory=True)

    def peer_restore() -> Run:
        shutil.rmtree(untarred, ignore_errors=True)
        return run(["bash", "-o", "pipefail", "-c", untar])

    def unpack() -> Run:
        shutil.rmtree(again, ignore_errors=True)
        return run([sys.executable, "-c", _UNPACK, str(archive), str(again)], watch_memory=True)

    done = _turns(
        {
            "tar": lambda: run(["bash", "-o", "pipefail", "-c", tar]),
            "backup": fresh,
            "second": backup,
            "untar": peer_restore,
            "restore": restore,
            "unpack": unpack,
        },
        runs,
    )
    report.add("tar | zstd", megabytes / done["tar"].wall_s, "MB/s")
    report.add("backup", megabytes / done["backup"].wall_s, "MB/s")
    report.add("backup, of tar | zstd", done["tar"].wall_s / done["backup"].wall_s, "x", least=0.7)
    report.add("backup, CPU, of tar | zstd", done["backup"].cpu_s / done["tar"].cpu_s, "x")
    report.add("second backup, of the first", done["second"].wall_s / done["backup"].wall_s, "x", most=0.4)
    report.add("second backup, CPU, of the first", done["second"].cpu_s / done["backup"].cpu_s, "x", most=0.4)
    report.add("archive, of tar | zstd's", archive.stat().st_size / peer.stat().st_size, "x")
    report.add("backup, peak memory", done["backup"].peak_mb, "MB")
    report.add("zstd -d | tar -x", megabytes / done["untar"].wall_s, "MB/s")
    report.add("restore with its index", megabytes / done["restore"].wall_s, "MB/s")
    report.add("restore without it", megabytes / done["unpack"].wall_s, "MB/s")
    report.add("restore without it, of zstd -d | tar -x", done["untar"].wall_s / done["unpack"].wall_s, "x", least=0.7)
    report.add("restore without it, CPU, of zstd -d | tar -x", done["unpack"].cpu_s / done["untar"].cpu_s, "x")
    report.add("restore, peak memory, all processes", done["restore"].peak_mb, "MB")


def _turns(commands: dict[str, Callable[[], Run]], runs: int) -> dict[str, Run]:
    """The median run of each, after one unmeasured round, all taking turns."""
    finished: dict[str, list[Run]] = {name: [] for name in commands}
    for turn in range(runs + 1):
        for name, command in commands.items():
            one = command()
            if turn:
                finished[name].append(one)
    return {name: median(some) for name, some in finished.items()}


if __name__ == "__main__":
    main()
