"""How close does the way to Gemini come to what the provider and the network allow, and what does it cost?

    python -m benchmarks.gemini
    python -m benchmarks.gemini --seconds 120 --data DIR

The real client, with all wrappers, against the fake server of the tests in a process of its own, each case in a fresh
process. ``--seconds`` is how long the case with an unknown limit runs (half of it for the others); below 60 nothing is
promised. On a machine that is busy with other things a client gets too little of the processor for 300 ms a call;
``--latency 3`` then says what the limiter itself makes of its places. ``--data`` names a directory of ``*.jsonl`` files
with a ``messages`` list on each line, for the costs; else generated sessions are priced. Costs come from token
estimates and the price table: nothing is sent to anybody.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import resource
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

from benchmarks import generate
from benchmarks.measure import ROOT, Clock, Report, environment
from ion_summary.errors import ProviderError
from ion_summary.model import Message, Usage
from ion_summary.summarizers.llm import LlmRequest
from ion_summary.summarizers.llm.limits import Limits

LATENCY_S = 0.3
RPM = 1200
MODEL = "gemini-2.5-flash-lite"


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0, help="default 60")
    parser.add_argument("--latency", type=float, default=LATENCY_S, help="seconds of a call (default 0.3)")
    parser.add_argument("--data", type=Path, metavar="DIR", help="sessions whose cost is estimated")
    parser.add_argument("--json", type=Path, help="write the figures there too")
    parser.add_argument("--client", nargs=5, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.client:
        kind, url, concurrency, rpm, seconds = options.client
        client = {"ours": _ours, "bare": _bare}[kind]
        print(json.dumps(asyncio.run(client(url, int(concurrency), float(rpm) or None, float(seconds)))))
        return
    report = Report(f"Gemini at {options.latency * 1000:.0f} ms a call", int(options.seconds), 60)
    _concurrency(report, options.seconds / 2, options.latency)
    _limits(report, options.seconds, options.latency)
    _redaction(report, options.data)
    _costs(report, options.data)
    report.finish(options.json)


def _concurrency(report: Report, seconds: float, latency_s: float) -> None:
    for concurrency in (8, 32, 128):
        with _server(latency_s) as url:
            run, bare = _run(url, concurrency, None, seconds), _run(url, concurrency, None, 5, kind="bare")
        share = run["rate"] / (concurrency / latency_s)
        # 128 in flight would be 427 calls a second: more than one core can send.
        least = 90 if concurrency < 128 else None
        report.add(f"{concurrency} at once: share of the ideal rate", 100 * share, "%", least=least)
        report.add(f"  calls a second at {concurrency}", run["rate"], "")
        report.add(f"  CPU of a call at {concurrency}", run["cpu_ms"], "ms", most=3.5)
        report.add(f"  the same with the client alone at {concurrency}", bare["cpu_ms"], "ms")
        report.add(f"  memory at {concurrency}", run["peak_mb"], "MB", most=120)


def _limits(report: Report, seconds: float, latency_s: float) -> None:
    concurrency = max(32, round(2 * latency_s * RPM / 60))
    with _server(latency_s, "--rpm", str(RPM)) as url:
        run, state = _run(url, concurrency, RPM, seconds / 2), _state(url)
    known = _between(run["times"], 2 * latency_s, seconds / 2)
    report.add(f"known limit of {RPM:,} a minute: share of it", 100 * known / (RPM / 60), "%", least=95)
    report.add("  refused (429)", 100 * state["limited"] / state["calls"], "% of calls", most=1)
    with _server(latency_s, "--rpm", str(RPM)) as url:
        run, state = _run(url, concurrency, None, seconds), _state(url)
    late = _between(run["times"], seconds / 2, seconds)
    report.add(f"unknown limit: share of it after {seconds / 2:.0f} s", 100 * late / (RPM / 60), "%", least=90)
    report.add("  refused (429)", 100 * state["limited"] / state["calls"], "% of calls", most=2)


def _between(times: list[float], start: float, end: float) -> float:
    return sum(start <= at < end for at in times) / (end - start)


@contextmanager
def _server(latency_s: float, *more: str) -> Iterator[str]:
    command = [sys.executable, "-m", "tests.fake_gemini", "--latency", str(latency_s), *more]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, env=environment(), text=True)
    try:
        assert process.stdout is not None
        yield process.stdout.readline().strip()
    finally:
        process.terminate()
        process.wait()


def _state(url: str) -> dict[str, Any]:
    with urllib.request.urlopen(f"{url}/_fake/state") as answer:
        state: dict[str, Any] = json.load(answer)
        return state


def _run(url: str, concurrency: int, rpm: float | None, seconds: float, kind: str = "ours") -> dict[str, Any]:
    case = [kind, url, str(concurrency), str(rpm or 0), str(seconds)]
    command = [sys.executable, "-m", "benchmarks.gemini", "--client", *case]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, env=environment(), check=True)
    figures: dict[str, Any] = json.loads(done.stdout)
    return figures


async def _ours(url: str, concurrency: int, rpm: float | None, seconds: float) -> dict[str, Any]:
    """One case, in this process. Imports and the first connections are made before the clock starts."""
    from ion_summary.summarizers.llm.gemini import GeminiSummarizer
    from ion_summary.summarizers.llm.prices import load
    from ion_summary.summarizers.llm.spending import Budget
    from ion_summary.summarizers.llm.stack import stacked

    requests, prices = _generated(), load()
    gemini = GeminiSummarizer("key", MODEL, base_url=url, prices=prices)
    limits = Limits(concurrency=concurrency, rpm=rpm)
    stack = stacked(gemini, MODEL, limits=limits, budget=Budget(100.0), prices=prices)
    await gemini.summarize(requests[0])
    # A session is asked about once: what its request remembers is no help for the next.
    figures = await _for(seconds, concurrency, requests, lambda request: stack.summarize(replace(request)))
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    await stack.close()
    return figures


async def _for(seconds: float, concurrency: int, requests: list[LlmRequest], call: Any) -> dict[str, Any]:
    began, cpu = time.perf_counter(), time.process_time()
    times: list[list[float]] = [[] for _ in range(concurrency)]

    async def worker(place: int) -> None:
        number = place
        while time.perf_counter() - began < seconds:
            number = (number + concurrency) % len(requests)
            try:
                await call(requests[number])
            except ProviderError as error:
                print(error.message, file=sys.stderr)
                continue
            times[place].append(time.perf_counter() - began)

    await asyncio.gather(*map(worker, range(concurrency)))
    spent = time.process_time() - cpu
    done = sorted(at for own in times for at in own)
    return {
        # From each worker's first answer to its last: whole calls, however few they are.
        "rate": sum((len(own) - 1) / (own[-1] - own[0]) for own in times if len(own) > 1),
        "cpu_ms": 1000 * spent / max(1, len(done)),
        "times": done if len(done) < 20_000 else [],
    }


async def _bare(url: str, concurrency: int, _: float | None, seconds: float) -> dict[str, Any]:
    """The client alone with the very same requests, and its answers not looked at: the floor."""
    from google import genai
    from google.genai import types

    from ion_summary.summarizers.llm.prompt import ANSWER_SCHEMA, build

    client = genai.Client(vertexai=False, api_key="key", http_options=types.HttpOptions(base_url=url))
    requests = _generated()
    prompts = {id(request): build(request) for request in requests}

    @cache
    def config_of(system: str, max_output_tokens: int) -> types.GenerateContentConfig:
        return types.GenerateContentConfig(
            system_instruction=system,
            temperature=0.3,
            max_output_tokens=max_output_tokens,
            response_mime_type="application/json",
            response_json_schema=ANSWER_SCHEMA,
            thinking_config=types.ThinkingConfig(thinking_budget=0),
            automatic_function_calling=types.AutomaticFunctionCallingConfig(disable=True),
            automatic_continuation=False,
        )

    async def call(request: LlmRequest) -> None:
        prompt = prompts[id(request)]
        config = config_of(prompt.system, prompt.max_output_tokens)
        await client.aio.models.generate_content(model=MODEL, contents=prompt.text, config=config)

    await call(requests[0])
    figures = await _for(seconds, concurrency, requests, call)
    await client.aio.aclose()
    client.close()
    return figures


def _generated() -> list[LlmRequest]:
    return [_request(generate.session(number)["messages"]) for number in range(200)]


def _request(messages: list[dict[str, Any]]) -> LlmRequest:
    return LlmRequest(
        [Message(each.get("role", "user"), each["content"], name=each.get("speaker")) for each in messages]
    )


def _redaction(report: Report, data: Path | None) -> None:
    from ion_summary.text.redaction import Redactor

    for name, requests in _sets(data):
        with Clock() as spent:
            for request in requests:
                Redactor().redact([message.content for message in request.messages])
        letters = sum(len(message.content) for request in requests for message in request.messages) / len(requests)
        report.add(
            f"redaction of a session, {name}",
            1000 * spent.cpu_s / len(requests),
            "ms",
            most=2 if letters < 10_000 else None,
        )


def _costs(report: Report, data: Path | None) -> None:
    """Dollars for a thousand sessions by estimate: ours at once, in batches, and a plain call with the text alone."""
    from ion_summary.summarizers.llm.gemini import GeminiSummarizer
    from ion_summary.summarizers.llm.prices import load
    from ion_summary.summarizers.llm.spending import Budget
    from ion_summary.summarizers.llm.stack import stacked

    prices = load()
    gemini = GeminiSummarizer("key", MODEL, prices=prices)
    stack = stacked(gemini, MODEL, limits=Limits(), budget=Budget(), prices=prices)
    for name, requests in _sets(data):
        ours = sum(map(stack.estimate, requests), Usage())
        plain = sum(map(_plain, requests), Usage())
        for way, usage, batch in (("online", ours, False), ("batch", ours, True), ("a plain call", plain, False)):
            cost = prices.cost(usage, MODEL, batch=batch) / len(requests) * 1000
            report.add(f"{name}: 1,000 sessions, {way} (estimate)", cost, "USD")
        report.add(f"  tokens of a session, {name}", ours.input / len(requests), "in")


def _sets(data: Path | None) -> Iterator[tuple[str, list[LlmRequest]]]:
    if data is None:
        yield "generated", _generated()
        return
    for path in sorted(data.glob("*.jsonl")):
        lines = path.read_text(encoding="utf-8").splitlines()
        yield path.name.split(".")[0], [_request(json.loads(line)["messages"]) for line in lines]


def _plain(request: LlmRequest) -> Usage:
    """A call of the text with speakers and one sentence of instruction, answered in prose of the same length."""
    from ion_summary.summarizers.llm.tokens import raw_tokens

    text = "\n".join(f"{message.name or message.role}: {message.content}" for message in request.messages)
    letters = request.max_chars * 0.6
    per_letter = 0.7 if request.language == "ko" else 0.26
    return Usage(20 + round(raw_tokens(text)), round(letters * per_letter))


if __name__ == "__main__":
    main()
