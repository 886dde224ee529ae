"""A server that speaks Gemini's REST protocol, for tests and for trying things out without a key or a cent.

In a test::

    with FakeGemini() as fake:
        fake.script("rate_minute", "ok")          # what the next calls get; afterwards: ok
        fake.when("비밀", "blocked")               # what calls get whose prompt contains a text
        GeminiSummarizer("any-key", "gemini-2.5-flash-lite", base_url=fake.url)
        fake.state.paid                            # how often each distinct request was billed

From a terminal: ``python -m tests.fake_gemini --help``. What a call can get is listed in ``behaviours.py``.
"""

from tests.fake_gemini.server import FakeGemini

__all__ = ["FakeGemini"]
