"""Files and batches: a resumable upload, jobs that take their time, results in another order."""

from __future__ import annotations

import itertools
import json
import random
import re
import time
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.fake_gemini.behaviours import error, respond
from tests.fake_gemini.http import Request, Response

if TYPE_CHECKING:
    from tests.fake_gemini.server import FakeGemini

_PAGE = 2  # jobs on a page of the list, so that two pages are soon needed
_FAR_AWAY = 10**9


@dataclass
class _Job:
    name: str
    display_name: str
    model: str
    lines: list[bytes]
    ends_at: float
    ending: str = "BATCH_STATE_SUCCEEDED"
    state: str = "BATCH_STATE_PENDING"
    results: str = ""


@dataclass
class Batches:
    """The batch half of the server.

    ``endings`` says how the next jobs end: ``ok``; ``partial`` (``PARTIALLY_SUCCEEDED``, the second half without an
    answer) and ``partial_unknown`` (by a name that the client does not know); ``failed``, ``cancelled``, ``expired``,
    ``stuck``; and ``lost_reply``: the job is made, and nobody told.
    """

    server: FakeGemini
    seconds: float
    endings: deque[str] = field(default_factory=deque)
    files: dict[str, bytes] = field(default_factory=dict)
    jobs: dict[str, _Job] = field(default_factory=dict)
    uploads: int = 0
    _numbers: itertools.count[int] = field(default_factory=lambda: itertools.count(1))

    async def handle(self, request: Request) -> Response | None:
        """The answer to a request about files or batches, None if it is about neither."""
        path = request.path
        if re.search(r"^/upload/[^/]+/files$", path):
            return self._upload(request)
        if found := re.search(r"/files/([^/:]+):download$", path):
            kept = self.files.get(found[1])
            return error(404, "NOT_FOUND", "no such file") if kept is None else Response(body=kept)
        if (found := re.search(r"/files/([^/:]+)$", path)) and request.method == "DELETE":
            self.files.pop(found[1], None)
            return Response.of({})
        if found := re.search(r"/models/([^/:]+):batchGenerateContent$", path):
            return self._create(found[1], request)
        if path.endswith("/batches") and request.method == "GET":
            return self._list(request)
        if found := re.search(r"/batches/([^/:]+)(:cancel)?$", path):
            return self._one(found[1], request, cancel=bool(found[2]))
        return None

    def _upload(self, request: Request) -> Response:
        number = request.query.get("upload_id")
        if number is None:
            assert request.headers["x-goog-upload-protocol"] == "resumable"
            number = f"f{next(self._numbers)}"
            address = f"{self.server.url}{request.path}?upload_id={number}"
            return Response.of({}, **{"X-Goog-Upload-URL": address, "X-Goog-Upload-Status": "active"})
        kept = self.files.get(number, b"")
        assert int(request.headers["x-goog-upload-offset"]) == len(kept)
        self.files[number] = kept + request.body
        if "finalize" not in request.headers["x-goog-upload-command"]:
            return Response.of({}, **{"X-Goog-Upload-Status": "active"})
        self.uploads += 1
        described = {
            "name": f"files/{number}",
            "mimeType": "application/jsonl",
            "sizeBytes": str(len(self.files[number])),
            "state": "ACTIVE",
            "uri": f"{self.server.url}/v1/files/{number}",
        }
        return Response.of({"file": described}, **{"X-Goog-Upload-Status": "final"})

    def _create(self, model: str, request: Request) -> Response:
        batch = request.json()["batch"]
        file = batch["inputConfig"]["fileName"].removeprefix("files/")
        if (wrong := self.server.wrong(model, request, {"contents": [{"parts": [{"text": "x"}]}]})) is not None:
            return wrong
        if file not in self.files:
            return error(400, "INVALID_ARGUMENT", "no such file")
        how = self.endings.popleft() if self.endings else "ok"
        lines = self.files[file].splitlines()
        ends_at = time.monotonic() + (_FAR_AWAY if how == "stuck" else self.seconds)
        endings = {"failed": "FAILED", "cancelled": "CANCELLED", "expired": "EXPIRED"}
        endings |= dict.fromkeys(("partial", "partial_unknown"), "PARTIALLY_SUCCEEDED")
        job = _Job(f"b{next(self._numbers)}", batch.get("displayName", ""), model, lines, ends_at)
        # As the client was seen to get them: the partial success under the other prefix, which it calls not done.
        job.ending = f"{'JOB' if how == 'partial' else 'BATCH'}_STATE_{endings.get(how, 'SUCCEEDED')}"
        self.jobs[job.name] = job
        self.server.state.batches_created += 1
        return Response(drop=True) if how == "lost_reply" else Response.of(self._operation(job))

    def _list(self, request: Request) -> Response:
        jobs = list(reversed(self.jobs.values()))  # the newest first
        start = int(request.query.get("pageToken", 0))
        shown: dict[str, Any] = {"operations": [self._operation(job) for job in jobs[start : start + _PAGE]]}
        if start + _PAGE < len(jobs):
            shown["nextPageToken"] = str(start + _PAGE)
        return Response.of(shown)

    def _one(self, name: str, request: Request, *, cancel: bool) -> Response:
        job = self.jobs.get(name)
        if job is None:
            return error(404, "NOT_FOUND", "Requested entity was not found.")
        if request.method == "DELETE":
            del self.jobs[name]
            return Response.of({})
        if cancel:
            job.ends_at, job.ending = 0.0, "BATCH_STATE_CANCELLED"
            return Response.of({})
        return Response.of(self._operation(job))

    def _operation(self, job: _Job) -> dict[str, Any]:
        if job.state != job.ending and time.monotonic() >= job.ends_at:
            job.state = job.ending
            self._finish(job)
        elif job.state == "BATCH_STATE_PENDING":
            job.state = "BATCH_STATE_RUNNING"
        metadata: dict[str, Any] = {
            "@type": "type.googleapis.com/google.ai.generativelanguage.v1main.GenerateContentBatch",
            "model": f"models/{job.model}",
            "displayName": job.display_name,
            "state": job.state,
            "createTime": "2026-11-22T09:00:00Z",
        }
        if job.results:
            metadata["output"] = {"responsesFile": f"files/{job.results}"}
        return {"name": f"batches/{job.name}", "metadata": metadata, "done": bool(job.results)}

    def _finish(self, job: _Job) -> None:
        if job.state.endswith(("_FAILED", "_CANCELLED")):
            return
        lines = job.lines
        if job.state.endswith(("PARTIALLY_SUCCEEDED", "EXPIRED")):
            lines = lines[: (len(lines) + 1) // 2]
        done = [self._line(job, json.loads(line)) for line in lines]
        random.Random(3).shuffle(done)
        job.results = f"f{next(self._numbers)}"
        self.files[job.results] = b"\n".join(done) + b"\n"

    def _line(self, job: _Job, line: dict[str, Any]) -> bytes:
        body = line["request"]
        name, _, number = self.server.behaviour(body).partition("=")
        response = respond(name, float(number) if number else None, body, job.model)
        self.server.bill(job.model, body, name, response)
        said = json.loads(response.body or b"{}")
        result = {"key": line["key"]} | ({"error": said["error"]} if "error" in said else {"response": said})
        return json.dumps(result, ensure_ascii=False).encode()
