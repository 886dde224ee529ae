"""What does a model say about the sessions in these files? Nothing is stored."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from ion_summary.config import Settings
from ion_summary.errors import ProviderError
from ion_summary.model import SessionSummary
from ion_summary.operations.asking import redacted, restored
from ion_summary.operations.drafts import Draft
from ion_summary.operations.llm import Llm, make_unrecorded
from ion_summary.operations.storing import failed, upgraded
from ion_summary.operations.summarize import SummarizeRequest, drafts_of
from ion_summary.operations.summarizing import summarize_all
from ion_summary.summarizers.llm import LlmRequest
from ion_summary.transcripts.reader import Rejected

if TYPE_CHECKING:
    from asyncio import AbstractEventLoop, Task


def summarize_with_model(
    request: SummarizeRequest, settings: Settings, store: Path
) -> Iterator[SessionSummary | Rejected]:
    """The record of every session with the model's summary, and what could not be read, in order.

    A session for which the model fails keeps its rule-based summary, with the reason in ``metadata.llm_error``. What is
    spent counts into the run's budget; that of the day and the month is what the ledger of ``store`` leaves of it.

    Raises NoApiKeyError, ConfigurationError; and a ProviderError that every further session would meet.
    """
    import asyncio

    llm = make_unrecorded(settings, store)
    with asyncio.Runner() as runner:
        loop = runner.get_loop()
        try:
            yield from _in_order(request, llm, loop)
        finally:
            runner.run(llm.summarizer.close())


def _in_order(request: SummarizeRequest, llm: Llm, loop: AbstractEventLoop) -> Iterator[SessionSummary | Rejected]:
    """As many under way as the window holds; the oldest is waited for."""
    under_way: deque[Task[SessionSummary] | Rejected] = deque()
    try:
        for item in drafts_of(request):
            task = loop.create_task(_asked(item, request, llm)) if isinstance(item, Draft) else item
            under_way.append(task)
            if len(under_way) >= llm.window:
                yield _result(under_way.popleft(), loop)
        while under_way:
            yield _result(under_way.popleft(), loop)
    finally:
        for task in under_way:
            if not isinstance(task, Rejected):
                task.cancel()


def _result(item: Task[SessionSummary] | Rejected, loop: AbstractEventLoop) -> SessionSummary | Rejected:
    return item if isinstance(item, Rejected) else loop.run_until_complete(item)


async def _asked(item: Draft, request: SummarizeRequest, llm: Llm) -> SessionSummary:
    ((summary, tags),) = summarize_all([item.messages_json], request.max_bullets, request.max_chars)
    record = item.entry(summary, tags, keep_transcript=False).record
    messages = item.messages()
    said = redacted(messages) if llm.redact else messages
    try:
        answer = await llm.summarizer.summarize(LlmRequest(said, request.max_bullets, request.max_chars))
    except ProviderError as error:
        if error.whole_run:
            raise
        return failed(record, error.code, error.reason, llm.summarizer.fingerprint, retried=not error.terminal)
    if llm.redact:
        answer = replace(answer, text=restored(messages, answer.text))
    return upgraded(record, answer, {"fingerprint": llm.summarizer.fingerprint, "reused": False})
