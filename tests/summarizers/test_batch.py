"""Is a batch paid once whatever happens to it, and does every result find its session? With the real client."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ion_summary.errors import (
    ProviderError,
    ProviderRefusedError,
    ProviderUnavailableError,
    RateLimitedError,
    UnknownModelError,
    UnusableAnswerError,
)
from ion_summary.model import Message
from ion_summary.summarizers.llm import LlmRequest, LlmSummary
from ion_summary.summarizers.llm.batch import GeminiBatch
from ion_summary.summarizers.llm.gemini import GeminiSummarizer, body
from tests.fake_gemini import FakeGemini
from tests.fake_gemini.server import request_hash
from tests.summarizers.conftest import KEY, MODEL, korean, run

Results = dict[str, LlmSummary | ProviderError]


def requests(count: int) -> list[LlmRequest]:
    return [korean(f"이것은 {number}번 상담입니다. 열쇠말 k{number}e", key=f"job-{number}") for number in range(count)]


def with_batch(
    fake: FakeGemini, work: Callable[[GeminiBatch], Awaitable[Any]], model: str = MODEL, longest_s: float = 60.0
) -> Any:
    async def whole() -> Any:
        gemini = GeminiSummarizer(KEY, model, base_url=fake.url)
        batch = GeminiBatch(gemini, first_poll_s=0.02, longest_s=longest_s)
        try:
            return await work(batch)
        finally:
            await batch.close()

    return run(whole())


async def collect(batch: GeminiBatch, job: str, asked: list[LlmRequest]) -> Results:
    by_key = {request.key: request for request in asked}
    return {key: result async for key, result in batch.results(job, by_key.get)}


def whole_run(fake: FakeGemini, asked: list[LlmRequest]) -> Results:
    async def work(batch: GeminiBatch) -> Results:
        return await collect(batch, await batch.submit_or_attach(asked), asked)

    results: Results = with_batch(fake, work)
    return results


def test_every_result_finds_its_session_at_half_the_price(fake: FakeGemini) -> None:
    asked = requests(20)
    results = whole_run(fake, asked)
    assert results.keys() == {request.key for request in asked}
    for number, request in enumerate(asked):
        summary = results[request.key]
        assert isinstance(summary, LlmSummary)
        assert f"k{number}e" in summary.text and summary.evidence[-1] == (len(request.messages),)
        online = summary.usage.input * 0.1e-6 + summary.usage.output * 0.4e-6
        assert summary.cost_usd == pytest.approx(online / 2)


def test_a_line_of_a_batch_is_the_request_of_a_single_call(fake: FakeGemini) -> None:
    request = korean(key="a")

    async def single() -> None:
        gemini = GeminiSummarizer(KEY, MODEL, base_url=fake.url)
        await gemini.summarize(request)
        await gemini.close()

    run(single())
    (sent,) = fake.state.bodies
    spelled = sent["generationConfig"].pop("thinkingConfig")
    line = body(MODEL, request)
    assert spelled == {"thinking_budget": line["generationConfig"].pop("thinkingConfig")["thinkingBudget"]}
    assert request_hash(MODEL, sent) == request_hash(MODEL, line)


def test_another_process_attaches_to_the_same_job(fake: FakeGemini) -> None:
    asked = requests(5)
    names = {with_batch(fake, lambda batch: batch.submit_or_attach(asked)) for _ in range(3)}
    # The order in which a queue hands them out plays no part; other requests do.
    names |= {with_batch(fake, lambda batch: batch.submit_or_attach(asked[::-1]))}
    assert len(names) == 1 == fake.state.batches_created
    for other in range(4):  # more jobs than a page of the list holds
        with_batch(fake, lambda batch, other=other: batch.submit_or_attach([korean(f"anderes {other}", key="x")]))
    assert fake.state.batches_created == 5
    assert with_batch(fake, lambda batch: batch.submit_or_attach(asked)) in names
    results = with_batch(fake, lambda batch: collect(batch, names.pop(), asked))
    assert len(results) == 5 and not fake.state.paid_twice


def test_a_lost_reply_makes_no_second_job(fake: FakeGemini) -> None:
    fake.batches.endings.append("lost_reply")
    results = whole_run(fake, requests(3))
    assert len(results) == 3 and fake.state.batches_created == 1 and not fake.state.paid_twice


def test_lines_fail_alone(fake: FakeGemini) -> None:
    fake.when("k1e", "rate_minute")
    fake.when("k2e", "blocked")
    fake.when("k3e", "truncated")
    fake.when("k4e", "malformed")
    fake.when("k5e", "empty")
    fake.when("k6e", "error")
    results = whole_run(fake, requests(8))
    kinds = [type(results[f"job-{number}"]) for number in range(8)]
    assert kinds == [
        LlmSummary,
        RateLimitedError,
        ProviderRefusedError,
        ProviderRefusedError,
        UnusableAnswerError,
        UnusableAnswerError,
        ProviderUnavailableError,
        LlmSummary,
    ]
    truncated = results["job-3"]
    assert isinstance(truncated, ProviderError) and truncated.terminal and truncated.usage.output
    assert truncated.cost_usd == pytest.approx(truncated.usage.input * 0.05e-6 + truncated.usage.output * 0.2e-6)


@pytest.mark.parametrize("ending", ["partial", "partial_unknown"])
def test_a_partial_success_ends_and_gives_what_there_is(fake: FakeGemini, ending: str) -> None:
    fake.batches.endings.append(ending)
    results = whole_run(fake, requests(6))
    assert results.keys() == {"job-0", "job-1", "job-2"}


@pytest.mark.parametrize(
    ("ending", "error"),
    [("failed", ProviderRefusedError), ("cancelled", ProviderUnavailableError), ("expired", ProviderUnavailableError)],
)
def test_a_job_that_ended_badly_is_named_and_made_anew(
    fake: FakeGemini, ending: str, error: type[ProviderError]
) -> None:
    fake.batches.endings.append(ending)
    asked = requests(4)
    got: Results = {}

    async def work(batch: GeminiBatch) -> None:
        async for key, result in batch.results(await batch.submit_or_attach(asked), {r.key: r for r in asked}.get):
            got[key] = result

    with pytest.raises(error, match=ending):
        with_batch(fake, work)
    assert len(got) == (2 if ending == "expired" else 0)  # what was done before it expired is there
    assert len(whole_run(fake, asked)) == 4
    assert fake.state.batches_created == 2


def test_a_stuck_job_is_given_up(fake: FakeGemini) -> None:
    fake.batches.endings.append("stuck")
    asked = requests(1)

    async def work(batch: GeminiBatch) -> Results:
        return await collect(batch, await batch.submit_or_attach(asked), asked)

    with pytest.raises(ProviderUnavailableError, match="has not ended"):
        with_batch(fake, work, longest_s=0.2)


def test_a_discarded_job_is_gone_and_can_be_made_again(fake: FakeGemini) -> None:
    asked = requests(2)

    async def work(batch: GeminiBatch) -> str:
        job = await batch.submit_or_attach(asked)
        await collect(batch, job, asked)
        await batch.discard(job)
        await batch.discard(job)
        return job

    job = with_batch(fake, work)
    assert not fake.batches.jobs and len(fake.batches.files) == 1  # the results are gone; uploads go by themselves
    with pytest.raises(ProviderRefusedError):
        with_batch(fake, lambda batch: collect(batch, job, asked))
    assert with_batch(fake, lambda batch: batch.submit_or_attach(asked)) != job


def test_a_model_that_is_gone_is_named(fake: FakeGemini) -> None:
    with pytest.raises(UnknownModelError, match=r"gemini-2\.0-flash"):
        with_batch(fake, lambda batch: batch.submit_or_attach(requests(1)), model="gemini-2.0-flash")


def test_requests_are_split_by_what_a_job_holds() -> None:
    batch = GeminiBatch(GeminiSummarizer(KEY, MODEL))
    long = [LlmRequest([Message("user", "word " * 400_000)], key=str(number)) for number in range(20)]
    groups = batch.split(long)
    assert [request for group in groups for request in group] == long
    assert 1 < len(groups) < 20
    assert all(sum(batch.estimate(request).input for request in group) <= 4_000_000 for group in groups)
    assert batch.split([]) == []
    assert [len(group) for group in batch.split([korean(key=str(n)) for n in range(45)])] == [45]


def test_keys_that_nobody_wants_any_more_are_passed_over(fake: FakeGemini) -> None:
    asked = requests(4)

    async def work(batch: GeminiBatch) -> Results:
        return await collect(batch, await batch.submit_or_attach(asked), asked[:1])

    assert with_batch(fake, work).keys() == {"job-0"}
