"""What does the queue cost, how soon does a killed worker go on, and how long does an application wait for queueing?

    python -m benchmarks.worker --sessions 5000

The queue is compared with bare SQLite transactions of the same durability (WAL, NORMAL), the application's call with
encoding the same messages. The worker asks a server on this machine that speaks Gemini's protocol (tests/fake_gemini).
"""

from __future__ import annotations

import json
import os
import signal
import sqlite3
import subprocess
import time
from pathlib import Path

import orjson

from benchmarks import generate
from benchmarks.measure import ION_SUMMARY, Clock, Report, arguments, environment, run, workplace
from ion_summary.jobs.job import Answer, Job, Wanted
from ion_summary.jobs.queue import Queue
from ion_summary.operations.hybrid import HybridSummarizer
from ion_summary.store.storage import SessionSummaryStorage
from tests.fake_gemini import FakeGemini

GROUP = 16
_BODY = json.dumps({"text": "- " + "환불 요청을 확인했습니다. " * 20, "tags": ["환불", "refund"]})


def floor(path: Path, jobs: int) -> float:
    """Rows a CPU second that SQLite itself changes, in groups."""
    db = sqlite3.connect(path, isolation_level=None)
    db.execute("PRAGMA journal_mode = WAL")
    db.execute("PRAGMA synchronous = NORMAL")
    db.execute("CREATE TABLE job(id INTEGER PRIMARY KEY, state INTEGER, body TEXT)")
    db.executemany("INSERT INTO job VALUES(?, 0, '')", [(number,) for number in range(jobs)])
    with Clock() as spent:
        for start in range(0, jobs, GROUP):
            db.execute("BEGIN IMMEDIATE")
            rows = [(_BODY, number) for number in range(start, min(start + GROUP, jobs))]
            db.executemany("UPDATE job SET state = 1, body = ? WHERE id = ?", rows)
            db.execute("COMMIT")
    db.close()
    return jobs / spent.cpu_s


def queue(report: Report, work: Path, jobs: int) -> None:
    """Putting, claiming and acknowledging, in groups."""
    report.add("bare SQLite, groups of 16", floor(work / "floor.sqlite", jobs), "rows/CPU s")
    wanted = [Wanted(f"session-{number}", f"user-{number % 100}", f"{number:016x}", number) for number in range(jobs)]
    with Queue(work / "queue") as some:
        with Clock() as spent:
            for start in range(0, jobs, GROUP):
                some.put(wanted[start : start + GROUP])
        report.add("put, groups of 16", jobs / spent.cpu_s, "jobs/CPU s", least=10_000)
        claimed: list[Job] = []
        with Clock() as spent:
            while group := some.claim(GROUP):
                claimed += group
        report.add("claim, groups of 16", jobs / spent.cpu_s, "jobs/CPU s", least=10_000)
        with Clock() as spent:
            for start in range(0, jobs, GROUP):
                group = claimed[start : start + GROUP]
                some.answer(Answer(job, f"{job.id:064x}", _BODY) for job in group)
        report.add("acknowledge with its result, groups of 16", jobs / spent.cpu_s, "jobs/CPU s", least=10_000)


def application(report: Report, work: Path, sessions: int) -> None:
    """How long ``queue_session_summary`` takes, called a thousand times as fast as it returns."""
    sessions = min(sessions, 1_000)
    some = [generate.session(number) for number in range(sessions)]
    with Clock() as encoding:
        for session in some:
            orjson.dumps(session)
    hybrid = HybridSummarizer(SessionSummaryStorage(work / "application"))
    hybrid.start()
    time.sleep(0.2)
    took, cpu = [], []
    for session in some:
        begun, worked = time.perf_counter(), time.thread_time()
        hybrid.queue_session_summary(session["session_id"], session["user_id"], session["messages"])
        took.append(1e3 * (time.perf_counter() - begun))
        cpu.append(1e3 * (time.thread_time() - worked))
    took.sort()
    report.add("encoding the messages", 1e3 * encoding.wall_s / sessions, "ms")
    report.add("queue_session_summary, median", took[len(took) // 2], "ms", most=1)
    report.add("the same, 99 of 100", took[len(took) * 99 // 100], "ms", most=1)
    report.add("the same, 999 of 1,000", took[len(took) * 999 // 1000], "ms")
    report.add("the same, the longest", took[-1], "ms")
    # The clock also runs while other processes, or this one's other threads, have the processor.
    report.add("the same, the longest by its own CPU", max(cpu), "ms", most=1)
    hybrid.close()


def start_worker(store: Path, fake: FakeGemini) -> subprocess.Popen[bytes]:
    command = [*ION_SUMMARY, "worker", "--store", str(store), "--concurrency", "32", "--rpm", "60000", "-q"]
    variables = environment() | {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": fake.url}
    return subprocess.Popen(command, env=variables, stdout=subprocess.DEVNULL)


def restart(report: Report, work: Path, runs: int) -> None:
    """From the start of a worker, after another one was killed, to its first request."""
    source, store = work / "transcripts", work / "restart"
    generate.write_transcripts(source, 1_000, files=1)
    run([*ION_SUMMARY, "ingest", str(source), "--store", str(store), "--llm"])
    took, cpu = [], []
    with FakeGemini(latency_s=0.3) as fake:
        for _ in range(runs + 1):
            before, begun = fake.state.calls, time.perf_counter()
            child = start_worker(store, fake)
            while fake.state.calls == before:
                time.sleep(0.002)
            took.append(time.perf_counter() - begun)
            child.send_signal(signal.SIGKILL)
            usage = os.wait4(child.pid, 0)[2]
            child.returncode = -signal.SIGKILL
            cpu.append(usage.ru_utime + usage.ru_stime)
        took = sorted(took[1:])
        report.add("killed worker, restart to first request, median", took[len(took) // 2], "s", most=2.5)
        report.add("the same, the longest", took[-1], "s")
        report.add("CPU of a worker that is killed at its first request", sorted(cpu)[len(cpu) // 2], "s")
    report.add(
        "calls paid twice, a kill", sum(count - 1 for count in fake.state.paid.values()) / (runs + 1), "calls", most=32
    )


def throughput(report: Report, work: Path, sessions: int) -> None:
    """What a worker costs for each session, its memory, and how much of the ideal rate it reaches."""
    source, store = work / "many", work / "throughput"
    generate.write_transcripts(source, sessions, files=4)
    run([*ION_SUMMARY, "ingest", str(source), "--store", str(store), "--llm"])
    with FakeGemini(latency_s=0.3) as fake:
        variables = {"GEMINI_API_KEY": "none", "GOOGLE_GEMINI_BASE_URL": fake.url}
        command = ["env", *(f"{name}={value}" for name, value in variables.items()), *ION_SUMMARY, "worker"]
        command += ["--store", str(store), "--concurrency", "32", "--rpm", "60000", "--json"]
        done = run(command, watch_memory=True)
    found = json.loads(done.output)
    report.add("worker, 32 calls of 300 ms at once", found["done"] / found["elapsed_s"], "sessions/s")
    report.add("share of the ideal rate", 100 * found["done"] / found["elapsed_s"] / (32 / 0.3), "%")
    report.add("CPU of the worker", 1e3 * done.cpu_s / sessions, "ms/session")
    report.add("peak memory", done.peak_mb, "MB", most=160)


def main() -> None:
    """Measure and print."""
    options = arguments(__doc__, 5_000).parse_args()
    report = Report(f"queue and worker, {options.sessions:,} sessions", options.sessions, 5_000)
    with workplace(options.work) as work:
        queue(report, work, options.sessions)
        application(report, work, options.sessions)
        restart(report, work, options.runs)
        throughput(report, work, options.sessions)
    report.finish(options.json)


if __name__ == "__main__":
    main()
