"""Is the store still what was written, and does its index agree?"""

from __future__ import annotations

from dataclasses import dataclass

from ion_summary.progress import Progress
from ion_summary.store.partition import Finding
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.verifying import Verifier


@dataclass(frozen=True, slots=True)
class VerifyReport:
    """``records`` counts readable lines, ``without_digest`` those of an adopted store among them: taken as they are."""

    ok: bool
    records: int
    without_digest: int
    findings: list[Finding]


def verify(storage: SessionSummaryStorage, progress: Progress) -> VerifyReport:
    """Reads every byte, checks every digest, and compares the index with the partitions. Raises StoreNotFoundError."""
    storage.require()
    verifier = Verifier(storage.path, storage.tz, progress)
    storage.as_last_seen(lambda catalog, _: verifier.compare_sizes(catalog))
    storage.reading(verifier.verify)
    found = verifier.found
    return VerifyReport(not found.findings, found.records, found.without_digest, found.findings)
