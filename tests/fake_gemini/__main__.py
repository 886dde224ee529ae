"""Serves until it is interrupted, for people who want to see the whole thing work without a key.

    python -m tests.fake_gemini --port 8899 --latency 0.3
    export GEMINI_API_KEY=anything GOOGLE_GEMINI_BASE_URL=http://127.0.0.1:8899

The first line on standard output is the address. ``/_fake/state`` counts what was asked and billed; a JSON list
posted to ``/_fake/script`` says what the next calls get (``behaviours.py`` lists the names).
"""

from __future__ import annotations

import argparse
import asyncio
import json
import sys
import threading

from tests.fake_gemini.server import FakeGemini


def main() -> None:
    """Serve."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=0, help="default: a free one")
    parser.add_argument("--latency", type=float, default=0.3, metavar="SECONDS", help="of a call (default 0.3)")
    parser.add_argument("--rpm", type=float, help="calls a minute that are let through (default: any number)")
    parser.add_argument("--window", choices=("bucket", "minute"), default="bucket", help="how they are counted")
    parser.add_argument("--failures", type=float, default=0.0, metavar="SHARE", help="of the calls, 0 to 1")
    parser.add_argument("--batch-seconds", type=float, default=5.0, metavar="SECONDS", help="that a batch takes")
    parser.add_argument("--script", nargs="*", default=[], metavar="NAME", help="what the first calls get")
    asked = parser.parse_args()
    server = FakeGemini(
        latency_s=asked.latency,
        rpm=asked.rpm,
        window=asked.window,
        failures=asked.failures,
        batch_s=asked.batch_seconds,
        host=asked.host,
        port=asked.port,
    )
    server.script(*asked.script)

    async def serve() -> None:
        ready = threading.Event()
        running = asyncio.ensure_future(server.run(ready))
        while not ready.is_set():
            await asyncio.sleep(0.01)
        print(server.url, flush=True)
        await running

    try:
        asyncio.run(serve())
    except KeyboardInterrupt:
        print(json.dumps(server.state.to_dict()), file=sys.stderr)


if __name__ == "__main__":
    main()
