"""Routes of the REST protocol, what happens to each call, and what was billed."""

from __future__ import annotations

import asyncio
import hashlib
import json
import random
import re
import threading
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from types import TracebackType
from typing import Any

from tests.fake_gemini import answers
from tests.fake_gemini.batches import Batches
from tests.fake_gemini.behaviours import BILLED, error, rate_limited, respond
from tests.fake_gemini.http import Request, Response, serve
from tests.fake_gemini.limits import BucketLimit, WindowLimit

KNOWN_MODELS = (
    "gemini-2.5-flash-lite",
    "gemini-3.1-flash-lite",
    "gemini-3.5-flash-lite",
    "gemini-3.8-flash",
)


@dataclass
class State:
    """What the server has seen. ``paid`` counts by the hash of the request; a batch's lines are counted there too."""

    calls: int = 0
    limited: int = 0
    in_flight: int = 0
    most_in_flight: int = 0
    connections: int = 0
    paid: Counter[str] = field(default_factory=Counter)
    input_tokens: int = 0
    output_tokens: int = 0
    batches_created: int = 0
    bodies: deque[dict[str, Any]] = field(default_factory=lambda: deque(maxlen=2000))
    raw: deque[bytes] = field(default_factory=lambda: deque(maxlen=200))
    keys: set[str] = field(default_factory=set)

    @property
    def paid_twice(self) -> int:
        """Distinct requests that were billed more than once."""
        return sum(count > 1 for count in self.paid.values())

    def to_dict(self) -> dict[str, Any]:
        names = ("calls", "limited", "most_in_flight", "input_tokens", "output_tokens", "batches_created", "paid_twice")
        return {name: getattr(self, name) for name in names} | {"paid": sum(self.paid.values())}


class FakeGemini:
    """The server. As a context manager it runs in a thread of its own; ``run`` serves in this one.

    Args:
        latency_s: seconds that a successful call takes.
        rpm: calls a minute that are let through; None: any number.
        window: ``bucket`` (even, with a second's burst) or ``minute`` (so many in each minute).
        failures: share of the calls, 0 to 1, that meet one of ``FAILURES`` by chance (always the same ones).
        batch_s: seconds that a batch takes.
        port: 0 takes a free one.
    """

    FAILURES = ("unavailable", "error", "gone", "malformed", "bad_gateway")

    def __init__(
        self,
        *,
        latency_s: float = 0.0,
        rpm: float | None = None,
        window: str = "bucket",
        failures: float = 0.0,
        batch_s: float = 0.0,
        host: str = "127.0.0.1",
        port: int = 0,
    ) -> None:
        self.state = State()
        self.latency_s = latency_s
        self.together = asyncio.Barrier(1)  # so many calls wait for each other before they are answered
        self.host, self.port = host, port
        self.url = ""
        self.batches = Batches(self, batch_s)
        self._limit = None if rpm is None else {"bucket": BucketLimit, "minute": WindowLimit}[window](rpm)
        self._failures = failures
        self._chance = random.Random(7)
        self._script: deque[str] = deque()
        self._when: list[tuple[str, deque[str]]] = []
        self._loop: asyncio.AbstractEventLoop | None = None
        self._thread: threading.Thread | None = None

    def script(self, *names: str) -> None:
        """What the next calls get, in order; afterwards everything is ok again."""
        self._script.extend(names)

    def when(self, text: str, *names: str) -> None:
        """What calls get whose prompt contains ``text``: the names in order, the last one for ever."""
        self._when.append((text, deque(names)))

    def __enter__(self) -> FakeGemini:
        ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self.run(ready)), daemon=True)
        self._thread.start()
        assert ready.wait(30)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        assert self._loop is not None and self._thread is not None
        self._loop.call_soon_threadsafe(self._over.set)
        self._thread.join(30)

    async def run(self, ready: threading.Event | None = None) -> None:
        """Serves until it is told to end."""
        self._loop, self._over = asyncio.get_running_loop(), asyncio.Event()
        server = await serve(self._handle, self.host, self.port, self._connected)
        self.port = server.sockets[0].getsockname()[1]
        self.url = f"http://{self.host}:{self.port}"
        if ready is not None:
            ready.set()
        await self._over.wait()
        server.close()
        for task in asyncio.all_tasks() - {asyncio.current_task()}:
            task.cancel()
        await asyncio.sleep(0)

    def _connected(self) -> None:
        self.state.connections += 1

    async def _handle(self, request: Request) -> Response:
        path = request.path
        if path == "/_fake/state":
            return Response.of(self.state.to_dict())
        if path == "/_fake/script":
            self.script(*request.json())
            return Response.of({})
        self.state.keys.add(request.headers.get("x-goog-api-key", ""))
        self.state.raw.append(request.body)
        generate = re.search(r"/models/([^/:]+):generateContent$", path)
        if generate and request.method == "POST":
            return await self._generate(generate[1], request)
        routed = await self.batches.handle(request)
        return routed if routed is not None else error(404, "NOT_FOUND", f"no such method: {path}")

    async def _generate(self, model: str, request: Request) -> Response:
        state = self.state
        state.calls += 1
        state.in_flight += 1
        state.most_in_flight = max(state.most_in_flight, state.in_flight)
        try:
            await self.together.wait()
            try:
                body = request.json()
            except ValueError:
                return error(400, "INVALID_ARGUMENT", "Invalid JSON payload received.")
            state.bodies.append(body)
            if (wrong := self.wrong(model, request, body)) is not None:
                return wrong
            if self._limit is not None and (wait := self._limit.take()) is not None:
                state.limited += 1
                return rate_limited("GenerateRequestsPerMinutePerProjectPerModel", "1", max(wait, 0.001))
            name, _, number = self.behaviour(body).partition("=")
            value = float(number) if number else None
            begun = time.perf_counter()
            response = respond(name, value, body, model)
            if name in BILLED:  # a call takes its time, however long this server has thought about its answer
                latency_s = value if name == "slow" and value else self.latency_s
                await asyncio.sleep(latency_s - (time.perf_counter() - begun))
            return self.bill(model, body, name, response)
        finally:
            state.in_flight -= 1

    def behaviour(self, body: dict[str, Any]) -> str:
        """What this call gets, by its text, by the script, by chance."""
        prompt = answers.prompt_text(body)
        for text, names in self._when:
            if text in prompt:
                return names.popleft() if len(names) > 1 else names[0]
        if self._script:
            return self._script.popleft()
        if self._failures and self._chance.random() < self._failures:
            return self._chance.choice(self.FAILURES)
        return "ok"

    def bill(self, model: str, body: dict[str, Any], name: str, response: Response) -> Response:
        """Counts ``response`` as paid for if the service would bill it."""
        if name in BILLED:
            self.state.paid[request_hash(model, body)] += 1
            used = json.loads(response.body)["usageMetadata"]
            self.state.input_tokens += used["promptTokenCount"]
            self.state.output_tokens += used["candidatesTokenCount"] + used.get("thoughtsTokenCount", 0)
        return response

    def wrong(self, model: str, request: Request, body: dict[str, Any]) -> Response | None:
        """What the service would refuse in this request, as far as this project could get it wrong."""
        if not request.headers.get("x-goog-api-key"):
            return error(403, "PERMISSION_DENIED", "Method doesn't allow unregistered callers.")
        if model not in KNOWN_MODELS:
            return error(404, "NOT_FOUND", f"models/{model} is not found for API version v1, or is not supported")
        config = body.get("generationConfig", {})
        thinking = answers.thinking_config(body)
        if not answers.prompt_text(body) or not 0 <= config.get("temperature", 1) <= 2:
            return error(400, "INVALID_ARGUMENT", "Request contains an invalid argument.")
        if "thinkingBudget" in thinking and "thinkingLevel" in thinking:
            return error(400, "INVALID_ARGUMENT", "thinking_budget and thinking_level are mutually exclusive")
        return None


def request_hash(model: str, body: dict[str, Any]) -> str:
    """Equal requests have equal hashes, whether they were sent at once or in a batch."""
    return hashlib.sha256(f"{model} {json.dumps(body, sort_keys=True)}".encode()).hexdigest()[:16]
