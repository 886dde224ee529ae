"""Can the server be used by a person, and from other processes?"""

from __future__ import annotations

import json
import subprocess
import sys
import urllib.request
from pathlib import Path

from ion_summary.errors import ProviderError
from ion_summary.summarizers.llm import LlmSummary
from ion_summary.summarizers.llm.gemini import GeminiSummarizer
from tests.summarizers.conftest import KEY, MODEL, korean, run

ROOT = Path(__file__).parents[2]


def test_it_serves_from_a_terminal_and_says_what_it_was_asked() -> None:
    command = [sys.executable, "-m", "tests.fake_gemini", "--latency", "0", "--rpm", "1"]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()

        async def work() -> list[str]:
            gemini = GeminiSummarizer(KEY, MODEL, base_url=url)
            seen = []
            for _ in range(3):
                try:
                    summary = await gemini.summarize(korean())
                    assert isinstance(summary, LlmSummary)
                    seen.append("ok")
                except ProviderError as error:
                    seen.append(type(error).__name__)
            await gemini.close()
            return seen

        assert run(work()) == ["ok", "RateLimitedError", "RateLimitedError"]
        with urllib.request.urlopen(f"{url}/_fake/state") as answer:
            state = json.load(answer)
        server.terminate()
    assert state["calls"] == 3 and state["limited"] == 2 and state["paid"] == 1
