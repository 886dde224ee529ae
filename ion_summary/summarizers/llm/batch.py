"""How are many sessions summarized at half the price, in a job that outlives every process?

Gemini's Batch API: a JSONL file with a key on each line, one job, results in any order within 24 hours. The job is
named by the hash of its content: whoever does not know whether it was made looks for that name, and nothing is paid
twice.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import suppress
from typing import IO, TYPE_CHECKING, Any, TypeVar

from ion_summary.errors import ProviderError, ProviderRefusedError, ProviderUnavailableError
from ion_summary.model import Usage
from ion_summary.summarizers.llm import LlmRequest, LlmSummary
from ion_summary.summarizers.llm.gemini import GeminiSummarizer, body
from ion_summary.summarizers.llm.gemini_errors import from_status
from ion_summary.summarizers.llm.gemini_response import read

if TYPE_CHECKING:
    from google.genai.types import BatchJob, UploadFileConfig

_T = TypeVar("_T")
_PREFIX = "ion-summary-"
# https://ai.google.dev/gemini-api/docs/batch-api: tier 1 holds 10 million tokens in all jobs, a file 2 GB.
_MOST_TOKENS, _MOST_BYTES, _MOST_LINES = 4_000_000, 1_000_000_000, 20_000
_FIRST_POLL_S, _LONGEST_POLL_S = 5.0, 60.0
_TRIES = 6
_TRANSFER_S = 900.0  # for a file, either way
#: Jobs expire after 24 hours; one that has not ended long after that never will.
LONGEST_S = 26 * 3600.0

_DELIVERED = ("SUCCEEDED", "PARTIALLY_SUCCEEDED")
_DEAD = ("FAILED", "CANCELLED", "EXPIRED")


class GeminiBatch:
    """Summarizes with jobs of the Batch API; the model, prices and connections are those of ``gemini``.

    Args:
        gemini: the summarizer of single sessions.
        first_poll_s: seconds before the first look at a job; each wait is longer, up to a minute.
        longest_s: seconds after which a job counts as stuck.
    """

    def __init__(
        self, gemini: GeminiSummarizer, first_poll_s: float = _FIRST_POLL_S, longest_s: float = LONGEST_S
    ) -> None:
        self._gemini = gemini
        self._client = gemini.client
        self._first_poll_s = first_poll_s
        self._longest_s = longest_s

    @property
    def fingerprint(self) -> str:
        """As that of single calls, whose results are the same."""
        return self._gemini.fingerprint

    def estimate(self, request: LlmRequest) -> Usage:
        """As that of single calls."""
        return self._gemini.estimate(request)

    def ceiling(self, request: LlmRequest) -> Usage:
        """As that of single calls."""
        return self._gemini.ceiling(request)

    def split(self, requests: Sequence[LlmRequest]) -> list[list[LlmRequest]]:
        """The requests in groups, in order, that fit into one job each."""
        groups: list[list[LlmRequest]] = []
        tokens = size = 0
        for request in requests:
            needed, letters = self.estimate(request).input, sum(len(message.content) for message in request.messages)
            tokens, size = tokens + needed, size + 4 * letters
            full = tokens > _MOST_TOKENS or size > _MOST_BYTES or (groups and len(groups[-1]) >= _MOST_LINES)
            if full or not groups:
                groups.append([])
                tokens, size = needed, 4 * letters
            groups[-1].append(request)
        return groups

    async def submit_or_attach(self, requests: Sequence[LlmRequest]) -> str:
        """The name of the job for exactly these requests: the one there is, or a new one. Raises a ProviderError."""
        import tempfile

        with tempfile.TemporaryFile() as file:  # without a name, and gone with the process
            name = _PREFIX + _write(file, self._gemini.model, requests)

            async def find_or_create() -> str:
                # Whether it was made although nobody said so is seen by its name, a little later.
                return await self._find(name) or await self._create(file, name)

            return await self._patiently(find_or_create)

    async def results(
        self, job: str, request_of: Callable[[str], LlmRequest | None]
    ) -> AsyncIterator[tuple[str, LlmSummary | ProviderError]]:
        """Waits for ``job`` and yields key and result of each of its requests, in any order, each key once.

        Keys that ``request_of`` does not know are passed over. Raises ProviderUnavailableError if the job expired, was
        cancelled or got stuck, ProviderRefusedError if it failed or is no longer known: then what is missing was not
        paid for, which also holds for keys that never come.
        """
        import tempfile

        ended = await self._ended(job)
        state = _state(ended)
        results = ended.dest.file_name if ended.dest is not None else None
        if results is None:
            raise _without_results(state)
        with tempfile.TemporaryFile() as file:
            await self._patiently(lambda: self._download(results, file))
            file.seek(0)
            seen: set[str] = set()
            for line in file:
                key, result = self._result(line, request_of)
                if key and key not in seen and result is not None:
                    seen.add(key)
                    yield key, result
        if state not in _DELIVERED:
            raise _without_results(state)

    async def discard(self, job: str) -> None:
        """Has the provider delete the job and its results. Only then the same requests make a new job."""
        with suppress(ProviderRefusedError):  # it is gone already
            known = await self._client.call(lambda client: client.aio.batches.get(name=job))
            results = known.dest.file_name if known.dest is not None else None
            if results is not None:
                await self._client.call(lambda client: client.aio.files.delete(name=results))
            await self._client.call(lambda client: client.aio.batches.delete(name=job))

    async def cancel(self, job: str) -> None:
        """Asks the provider to end ``job``; what is done by then is paid for and can be collected."""
        await self._client.call(lambda client: client.aio.batches.cancel(name=job))

    async def close(self) -> None:
        """Ends the connections."""
        await self._gemini.close()

    async def _find(self, name: str) -> str | None:
        """A job of that display name that has delivered or still may."""

        async def look(client: Any) -> str | None:
            async for job in await client.aio.batches.list(config={"page_size": 100}):
                if job.display_name == name and _state(job) not in _DEAD:
                    return str(job.name)
            return None

        return await self._client.call(look, timeout_s=_TRANSFER_S)

    async def _create(self, file: IO[bytes], name: str) -> str:
        model = self._gemini.model
        config: UploadFileConfig = _upload_config(name)
        file.seek(0)
        uploaded = await self._client.call(
            lambda client: client.aio.files.upload(file=file, config=config),  # type: ignore[arg-type]
            timeout_s=_TRANSFER_S,
        )
        job = await self._client.call(
            lambda client: client.aio.batches.create(
                model=model, src=str(uploaded.name), config={"display_name": name}
            ),
            model=model,
        )
        if not job.name:
            raise ProviderUnavailableError(reason="the batch got no name", perhaps_billed=True)
        return job.name

    async def _ended(self, job: str) -> BatchJob:
        """``job`` when it has ended, looked at less and less often."""
        import asyncio

        loop = asyncio.get_running_loop()
        over, wait = loop.time() + self._longest_s, self._first_poll_s
        while True:
            looked = await self._patiently(lambda: self._client.call(lambda client: client.aio.batches.get(name=job)))
            # Not looked.done, which stays False for a partial success.
            if _state(looked) in _DELIVERED + _DEAD:
                return looked
            if loop.time() > over:
                raise ProviderUnavailableError(reason=f"the batch has not ended in {self._longest_s / 3600:.0f} hours")
            await asyncio.sleep(wait)
            wait = min(wait * 1.5, max(self._first_poll_s, _LONGEST_POLL_S))

    async def _patiently(self, call: Callable[[], Awaitable[_T]]) -> _T:
        """The result of what may be done twice, tried again while that can help."""
        import asyncio

        for attempt in range(1, _TRIES + 1):
            try:
                return await call()
            except ProviderError as error:
                if error.terminal or attempt == _TRIES:
                    raise
                wait = max(error.retry_after_s or 0.0, self._pause(attempt))
            await asyncio.sleep(wait)
        raise AssertionError("the last attempt returns or raises")

    def _pause(self, attempt: int) -> float:
        return float(min(self._first_poll_s * 2 ** (attempt - 1), _LONGEST_POLL_S))

    async def _download(self, name: str, file: IO[bytes]) -> None:
        file.seek(0)
        file.truncate()
        await self._client.call(
            lambda client: client.aio.files.download(file=name, destination=file),  # type: ignore[call-overload]
            timeout_s=_TRANSFER_S,
        )

    def _result(
        self, line: bytes, request_of: Callable[[str], LlmRequest | None]
    ) -> tuple[str, LlmSummary | ProviderError | None]:
        """Key and result of a line; no key if it is none, no result if nobody wants it."""
        import json

        try:
            fields = json.loads(line)
            key = fields["key"]
        except (ValueError, KeyError, TypeError):
            return "", None
        request = request_of(key) if isinstance(key, str) else None
        if request is None:
            return "", None
        if not isinstance(fields.get("response"), dict):
            failed = fields.get("error") or fields.get("status")
            code = failed.get("code") if isinstance(failed, dict) else None
            return key, from_status(_http_status(code), failed, self._gemini.model)
        try:
            summary = read(fields["response"], request, self._gemini.model, self._gemini.prices, batch=True)
        except ProviderError as error:
            return key, error
        self._gemini.estimator.learn(request, summary.usage)
        return key, summary


def _lines(model: str, requests: Sequence[LlmRequest]) -> Iterator[bytes]:
    import json

    for request in sorted(requests, key=lambda request: request.key):
        line = {"key": request.key, "request": body(model, request)}
        yield json.dumps(line, ensure_ascii=False, sort_keys=True).encode("utf-8", "replace") + b"\n"


def _write(file: IO[bytes], model: str, requests: Sequence[LlmRequest]) -> str:
    """Writes the job's lines and returns the hash of its content (32 hexadecimal digits)."""
    from hashlib import sha256

    hashed = sha256(model.encode() + b"\n")
    for line in _lines(model, requests):
        file.write(line)
        hashed.update(line)
    file.flush()
    return hashed.hexdigest()[:32]


def _upload_config(name: str) -> UploadFileConfig:
    from google.genai.types import UploadFileConfig

    return UploadFileConfig(display_name=name, mime_type="application/jsonl")


def _state(job: BatchJob) -> str:
    """``SUCCEEDED`` of ``JOB_STATE_SUCCEEDED`` and ``BATCH_STATE_SUCCEEDED``."""
    value = str(getattr(job.state, "value", job.state) or "")
    return value.rpartition("STATE_")[2]


def _without_results(state: str) -> ProviderError:
    if state == "FAILED":
        return ProviderRefusedError(reason="the batch failed", terminal=True)
    return ProviderUnavailableError(reason=f"the batch ended as {state.lower() or 'unknown'}, without all results")


# google.rpc.Code, which lines of a batch use as well as HTTP statuses.
_CODES = {3: 400, 4: 504, 5: 404, 7: 403, 8: 429, 9: 400, 10: 409, 12: 501, 13: 500, 14: 503, 16: 401}


def _http_status(code: Any) -> int:
    return _CODES.get(code, code) if isinstance(code, int) and not isinstance(code, bool) else 500
