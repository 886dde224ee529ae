"""What the tests with the real client share."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from typing import Any, TypeVar

import pytest

from ion_summary.model import Message
from ion_summary.summarizers.llm import LlmRequest
from tests.fake_gemini import FakeGemini

_T = TypeVar("_T")
MODEL = "gemini-2.5-flash-lite"
KEY = "canary-KEY-4711-do-not-log"


@pytest.fixture
def fake(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeGemini]:
    """The server, and an environment without anything that the client would listen to."""
    for name in ("GOOGLE_API_KEY", "GEMINI_API_KEY", "GOOGLE_GEMINI_BASE_URL", "GOOGLE_GENAI_USE_VERTEXAI"):
        monkeypatch.delenv(name, raising=False)
    with FakeGemini() as server:
        yield server


def run(work: Coroutine[Any, Any, _T]) -> _T:
    return asyncio.run(work)


def korean(*more: str, **given: Any) -> LlmRequest:
    """A Korean session in which something can be cited."""
    said = ["주문번호 ZX-1200 환불하고 싶어요. 3만 원이에요.", "네, 2026-01-04까지 환불해 드릴게요.", "감사합니다!"]
    return LlmRequest([Message(("user", "assistant")[n % 2], text) for n, text in enumerate([*said, *more])], **given)
