"""Who writes the summaries of a batch? This process, or worker processes if there is much to do."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import orjson

from ion_summary.workers import Workers

# Starting the workers takes as long as summarizing so many sessions.
_WORTH_WORKERS = 400
_CHUNK = 100

Summaries = Callable[[], Iterable[tuple[str, list[str]]]]


class Summarizers:
    """Summarizes batches of sessions.

    Args:
        workers: how many processes; 1 summarizes in this one, None takes one for each processor.
    """

    def __init__(self, max_bullets: int, max_chars: int, workers: int | None) -> None:
        self._limits = (max_bullets, max_chars)
        self._workers = Workers(workers)

    def begin(self, batch: Sequence[bytes]) -> Summaries:
        """Begins with the sessions whose messages are given as JSON; the returned call gives the results, each as soon
        as it and those before it are there.
        """
        if self._workers.count == 1 or not (self._workers.started or len(batch) >= _WORTH_WORKERS):
            return lambda: summarize_all(batch, *self._limits)
        chunks = [batch[i : i + _CHUNK] for i in range(0, len(batch), _CHUNK)]
        calls = [self._workers.submit(summarize_all, chunk, *self._limits) for chunk in chunks]
        return lambda: (item for call in calls for item in call.result())

    def close(self) -> None:
        """Ends the workers."""
        self._workers.close()


def summarize_all(batch: Sequence[bytes], max_bullets: int, max_chars: int) -> list[tuple[str, list[str]]]:
    """The summary and the tags of each session."""
    from ion_summary.summarizers.rule import digest_session

    return [digest_session(orjson.loads(messages), max_bullets, max_chars) for messages in batch]
