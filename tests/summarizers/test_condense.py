"""Is a session of any length summarized whole, with the numbers of its own messages?"""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary.errors import ProviderError, ProviderRefusedError
from ion_summary.model import Message, Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummary
from ion_summary.summarizers.llm.condense import Condensing
from ion_summary.summarizers.llm.gemini import GeminiSummarizer
from ion_summary.summarizers.llm.tokens import raw_tokens
from tests.fake_gemini import FakeGemini
from tests.fake_gemini.answers import prompt_text
from tests.summarizers.conftest import KEY, MODEL, korean, run
from tests.summarizers.simulated import Provider


def session(messages: int, size: int = 12) -> LlmRequest:
    said = [
        f"Nachricht {number}: " + " ".join(f"w{number}x{word}" for word in range(size)) for number in range(messages)
    ]
    return LlmRequest([Message("user", text, name="Ann") for text in said])


def summarized(fake: FakeGemini, request: LlmRequest, part_tokens: int) -> Any:
    async def work() -> Any:
        gemini = GeminiSummarizer(KEY, MODEL, base_url=fake.url)
        try:
            return await Condensing(gemini, part_tokens).summarize(request)
        except ProviderError as error:
            return error
        finally:
            await gemini.close()

    return run(work())


def test_a_short_session_is_one_call(fake: FakeGemini) -> None:
    assert summarized(fake, korean(), 1000).calls == 1 == fake.state.calls


def test_a_long_session_is_read_whole_and_cites_its_own_messages(fake: FakeGemini) -> None:
    request = session(300)
    summary = summarized(fake, request, 1500)
    assert isinstance(summary, LlmSummary)
    assert summary.calls == fake.state.calls > 5
    assert (summary.usage.input, summary.usage.output) == (fake.state.input_tokens, fake.state.output_tokens)
    sent = "".join(map(prompt_text, fake.state.bodies))
    assert all(f"w{number}x11" in sent for number in range(300))  # nothing is cut, the end least of all
    for line, cites in zip(summary.text.splitlines(), summary.evidence, strict=True):
        number = int(line.split()[2].rstrip(":"))
        assert cites == (number + 1,)
    assert summary.evidence[-1][-1] > 290
    assert not summary.flags  # what a bullet says stands in the messages it cites


def test_a_message_that_is_too_long_is_read_in_pieces(fake: FakeGemini) -> None:
    words = " ".join(f"단어{number}" for number in range(3000))
    summary = summarized(fake, LlmRequest([Message("user", "짧아요"), Message("user", words)]), 1500)
    assert {cited for cites in summary.evidence for cited in cites} <= {1, 2}
    sent = "".join(map(prompt_text, fake.state.bodies))
    assert all(f"단어{number}" in sent for number in range(0, 3000, 7))


def test_a_part_that_fails_says_what_the_others_have_cost(fake: FakeGemini) -> None:
    fake.when("w150x0", "safety")
    error = summarized(fake, session(300), 1500)
    assert isinstance(error, ProviderRefusedError) and error.terminal
    assert (error.usage.input, error.usage.output) == (fake.state.input_tokens, fake.state.output_tokens)
    assert error.calls == fake.state.calls > 5


@given(
    sizes=st.lists(st.integers(0, 4000), min_size=1, max_size=60),
    part_tokens=st.integers(200, 2000),
    korean_text=st.booleans(),
)
def test_parts_hold_everything_in_order_and_none_is_too_large(
    sizes: list[int], part_tokens: int, korean_text: bool
) -> None:
    word = "환불 요청 " if korean_text else "refund asked "
    messages = [Message("user", (word * (size // len(word) + 1))[:size]) for size in sizes]
    seen: list[LlmRequest] = []

    class Recorder(Provider):
        async def summarize(self, request: LlmRequest) -> LlmSummary:
            seen.append(request)
            count = len(request.messages)
            return LlmSummary("- one\n- two", (), ((1,), (count,)), (), Usage(1, 1), "m", 0.0, 1, "en")

    summary = asyncio.run(Condensing(Recorder(), part_tokens).summarize(LlmRequest(messages)))
    first_pass = [request for request in seen if not any(message.name for message in request.messages)]
    read = "".join(message.content for request in first_pass for message in request.messages)
    assert read == "".join(message.content for message in messages)
    for request in seen:
        assert sum(raw_tokens(message.content) for message in request.messages) <= part_tokens
    assert summary.evidence[0][0] == 1 and summary.evidence[-1][-1] == len(messages)


def test_the_estimate_counts_all_calls() -> None:
    condensing = Condensing(Provider(usage=Usage(100, 10)), 1500)
    assert condensing.estimate(session(3)) == Usage(100, 10)
    assert condensing.estimate(session(300)).input >= 600


@pytest.mark.parametrize("tokens", [1, 7])
def test_even_absurd_parts_end(tokens: int) -> None:
    condensing = Condensing(Provider(latency_s=0.0), tokens)
    short = LlmRequest([Message("user", "주문번호 ZX-1200 환불"), Message("assistant", "네")])
    summary = asyncio.run(condensing.summarize(short))
    assert summary.evidence == ((1,),)
