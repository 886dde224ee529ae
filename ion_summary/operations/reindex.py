"""How is all that is derived built again from the partitions, and how do these become as small as they can be?"""

from __future__ import annotations

import time
from dataclasses import dataclass
from datetime import UTC, datetime

from ion_summary.operations.forget import finish
from ion_summary.progress import Progress
from ion_summary.store import compacting
from ion_summary.store.compacting import Compacted
from ion_summary.store.partition import Finding
from ion_summary.store.storage import SessionSummaryStorage


@dataclass(frozen=True, slots=True)
class ReindexReport:
    """What the new index holds, and the lines that could not be read and were put in quarantine."""

    records: int
    partitions: int
    quarantined: list[Finding]
    elapsed_s: float


def reindex(storage: SessionSummaryStorage, progress: Progress, workers: int | None = None) -> ReindexReport:
    """Drops the index and fills it again, with ``workers`` processes (None: one for each processor).

    Raises:
        StoreNotFoundError, StoreLockedError, StoreNotWritableError
    """
    storage.require()
    begun = time.monotonic()
    storage.close()
    storage.damage.clear()
    finish(storage)
    storage.rebuild(progress, workers)
    counts = storage.get_stats()
    elapsed = round(time.monotonic() - begun, 3)
    return ReindexReport(counts["total_sessions"], counts["partitions"], list(storage.damage), elapsed)


def compact(storage: SessionSummaryStorage) -> Compacted:
    """Drops the lines that nobody reads any more, and compresses the transcripts of past months.

    The index is to be built again afterwards. Interrupted anywhere, it can be run again. Raises StoreCorruptError,
    StoreNotFoundError, StoreLockedError, StoreNotWritableError.
    """
    storage.require()
    with storage.writing() as writer:
        return compacting.compact(storage.path, writer, datetime.now(UTC).strftime("%Y-%m"))
