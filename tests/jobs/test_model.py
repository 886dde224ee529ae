"""The queue against a model of it, over any sequence of calls by two workers, one of which may die."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
from hypothesis import settings
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, precondition, rule

from ion_summary.jobs import counting
from ion_summary.jobs.erasing import forget
from ion_summary.jobs.job import Answer, Failure, Job, Wanted
from ion_summary.jobs.queue import Queue
from tests.conftest import examples

SESSIONS = st.sampled_from("abcdef")
CONTENTS = st.sampled_from(["1", "2", "3"])
WORKERS = st.sampled_from([0, 1])


class Model(RuleBasedStateMachine):
    """``jobs`` is what the queue should know of each session: content, state, and which worker has it."""

    def __init__(self) -> None:
        super().__init__()
        self.root = Path(tempfile.mkdtemp(prefix="ion-summary-queue-"))
        self.jobs: dict[str, dict[str, Any]] = {}
        self.held: list[dict[str, Job]] = [{}, {}]
        self.results: dict[str, set[str]] = {}

    @initialize()
    def open(self) -> None:
        self.workers = [Queue(self.root), Queue(self.root)]
        self.numbers = [worker.owner for worker in self.workers]

    def teardown(self) -> None:
        for worker in self.workers:
            worker.close()
        shutil.rmtree(self.root)

    @rule(worker=WORKERS, session=SESSIONS, content=CONTENTS, priority=st.integers(0, 2))
    def put(self, worker: int, session: str, content: str, priority: int) -> None:
        self.workers[worker].put([Wanted(session, "u", content, 0, priority)])
        job = self.jobs.get(session)
        if job is None:
            self.jobs[session] = {"content": content, "state": "waiting", "priority": priority, "owner": None}
            return
        if job["content"] == content and job["state"] not in ("stored", "skipped"):
            job["priority"] = max(job["priority"], priority)
            return
        if job["content"] != content:
            self._drop_uses(session)
        state = "claimed" if job["state"] == "claimed" else "waiting"
        self.jobs[session] = {**job, "content": content, "priority": priority, "state": state}

    @rule(worker=WORKERS, most=st.integers(1, 3))
    def claim(self, worker: int, most: int) -> None:
        waiting = [name for name, job in self.jobs.items() if job["state"] == "waiting"]
        claimed = self.workers[worker].claim(most)
        assert len(claimed) == min(most, len(waiting))
        left = sorted((self.jobs[name]["priority"] for name in waiting), reverse=True)
        assert [job.priority for job in claimed] == left[: len(claimed)]
        for job in claimed:
            assert self.jobs[job.session]["state"] == "waiting"
            assert self.jobs[job.session]["content"] == job.content
            self.jobs[job.session] |= {"state": "claimed", "owner": worker}
            self.held[worker][job.session] = job

    def _some(self, worker: int, data: st.DataObject) -> tuple[str, Job]:
        session = data.draw(st.sampled_from(sorted(self.held[worker])))
        return session, self.held[worker].pop(session)

    @precondition(lambda self: any(self.held))
    @rule(data=st.data())
    def answer(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from([number for number in (0, 1) if self.held[number]]))
        session, job = self._some(worker, data)
        key = f"key-{job.content}"
        self.workers[worker].answer([Answer(job, key, f'"{job.content}"')])
        now = self.jobs.get(session)
        if now is None:
            self.results.setdefault(key, set()).add(session)
            return
        self._drop_uses(session)
        self.results.setdefault(key, set()).add(session)
        mine = now["state"] == "claimed" and now["owner"] == worker
        if now["content"] == job.content and now["state"] in ("claimed", "waiting"):
            now["state"] = "answered"
        elif mine:
            now["state"] = "waiting"

    @precondition(lambda self: any(self.held))
    @rule(data=st.data())
    def fail_for_good(self, data: st.DataObject) -> None:
        worker = data.draw(st.sampled_from([number for number in (0, 1) if self.held[number]]))
        session, job = self._some(worker, data)
        self.workers[worker].fail([(job, Failure("x", "no", retry=False))], "m")
        now = self.jobs.get(session)
        if now and now["state"] == "claimed" and now["owner"] == worker:
            now["state"] = "given up" if now["content"] == job.content else "waiting"

    @rule(worker=WORKERS)
    def store(self, worker: int) -> None:
        answered = self.workers[worker].answered(100)
        assert {job.session for job in answered} == {
            name for name, job in self.jobs.items() if job["state"] == "answered"
        }
        for job in answered:
            assert self.workers[worker].result(job.result or "") == f'"{job.content}"'
        self.workers[worker].stored(answered)
        for job in answered:
            self.jobs[job.session]["state"] = "stored"

    @rule(session=SESSIONS)
    def forget(self, session: str) -> None:
        assert forget(self.root, [session]) == (session in self.jobs)
        self.jobs.pop(session, None)
        self._drop_uses(session)

    @rule(worker=WORKERS)
    def die(self, worker: int) -> None:
        """Its process is gone, and another one begins."""
        dead = self.workers[worker]
        dead.db.execute("UPDATE owner SET started = 'long ago' WHERE id = ?", (self.numbers[worker],))
        dead.db.close()
        self.held[worker] = {}
        self.workers[worker] = Queue(self.root)
        self.numbers[worker] = self.workers[worker].owner
        self.workers[worker].take_over()
        for job in self.jobs.values():
            if job["state"] == "claimed" and job["owner"] == worker:
                job["state"] = "waiting"

    @invariant()
    def the_same(self) -> None:
        if not hasattr(self, "workers"):
            return
        for session, job in self.jobs.items():
            found = self.workers[0].job(session)
            assert found is not None
            names = ["waiting", "claimed", "answered", "stored", "given up", "skipped"]
            assert (found[0].content, names[found[1]]) == (job["content"], job["state"]), session
        pending = sum(job["state"] in ("waiting", "claimed", "answered") for job in self.jobs.values())
        assert counting.pending(self.root) == pending
        for key in ("key-1", "key-2", "key-3"):
            assert (self.workers[0].result(key) is not None) == bool(self.results.get(key)), key

    def _drop_uses(self, session: str) -> None:
        for sessions in self.results.values():
            sessions.discard(session)


TestModel = Model.TestCase
TestModel.settings = settings(deadline=None, stateful_step_count=30, max_examples=examples(40))
