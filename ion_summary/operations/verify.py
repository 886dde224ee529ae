"""Is the store still what was written, and does its index agree? If not, what can be saved of it?"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

from ion_summary.jobs import checking
from ion_summary.jobs.database import NAME as QUEUE
from ion_summary.jobs.database import path_of
from ion_summary.operations.forget import finish
from ion_summary.progress import Progress
from ion_summary.store import losses, quarantine, repairing
from ion_summary.store.partition import Finding
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.verifying import Verifier


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """``records`` counts readable lines, ``without_digest`` those of an adopted store among them: taken as they are.

    ``repaired`` and ``lost`` are what was wrong before a repair, ``findings`` what is wrong now. ``had_index``: whether
    there was an index to compare with, which alone knows of lines that were cut off as a whole.
    """

    ok: bool
    records: int
    without_digest: int
    findings: list[Finding]
    repaired: list[Finding] = field(default_factory=list)
    lost: list[Finding] = field(default_factory=list)
    had_index: bool = True

    @property
    def begins_queue(self) -> bool:
        """Whether the queue had to be put aside, so that there is none now."""
        return any(each.file == QUEUE for each in self.repaired)


def verify(storage: SessionSummaryStorage, progress: Progress) -> VerifyReport:
    """Reads every byte, checks every digest, and compares the index with the partitions. Raises StoreNotFoundError."""
    storage.require()
    verifier = Verifier(storage.path, storage.tz, progress)
    storage.as_last_seen(lambda catalog, _: verifier.compare_sizes(catalog))
    storage.reading(verifier.verify)
    found = verifier.found
    findings = [*found.findings, *(Finding(QUEUE, None, problem) for problem in checking.problems(storage.path))]
    return VerifyReport(not findings, found.records, found.without_digest, findings, had_index=verifier.had_index)


def repair(storage: SessionSummaryStorage, progress: Progress, workers: int | None = None) -> VerifyReport:
    """Moves what cannot be read to quarantine, builds the index again, and verifies the result.

    What has been lost stays lost: lines that are gone, and what stood in a broken queue, which is derived from nothing.
    Raises StoreNotFoundError, StoreLockedError, StoreNotWritableError.
    """
    before = verify(storage, progress)
    with storage.locked():
        moved = repairing.repair(storage.path, storage.tz)
        if checking.is_broken(storage.path):
            quarantine.move_database(storage.path, path_of(storage.path))
    finish(storage)
    storage.rebuild(progress, workers)
    with storage.locked():
        lost = set(losses.clear(storage.path)).intersection(before.findings)
    after = verify(storage, progress)
    left = {*after.findings, *lost}
    return replace(
        after,
        repaired=[each for each in dict.fromkeys((*before.findings, *moved)) if each not in left],
        lost=[each for each in before.findings if each in lost],
        had_index=before.had_index,
    )
