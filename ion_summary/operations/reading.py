"""How does a source become sessions that know where they come from?"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from ion_summary.operations.drafts import Draft, Origin, draft
from ion_summary.times import zone
from ion_summary.transcripts import read
from ion_summary.transcripts.detect import detect
from ion_summary.transcripts.reader import Reader, ReadOptions, Rejected, Resume, Source, Stamp


@dataclass(frozen=True, slots=True)
class Manner:
    """What a user may say about the reading.

    ``user`` is for sessions that name none; ``source`` is the name under which they are found again (None: the
    format's). ``tz`` is the zone of times without one (None: the format's usual zone). ``redact``: personal data is
    replaced.
    """

    input_format: str | None
    user: str | None
    source: str | None
    tz: tzinfo | None
    split: str
    redact: bool = False

    def __str__(self) -> str:
        """The same text for what gives the same sessions."""
        said = "|".join(map(str, (self.input_format, self.user, self.source, self.tz, self.split)))
        return said + "|redacted" * self.redact


def recognise(source: Source, manner: Manner) -> Reader | Rejected:
    """The reader for a source, or why there is none. Raises UnknownFormatError for a format that no reader has."""
    found = detect(source, manner.input_format)
    return found.reader or Rejected(source.name, None, found.reason)


def drafts(
    source: Source, reader: Reader, manner: Manner, stamp: Stamp | None, start: Resume | None = None
) -> Iterator[Draft | Rejected | Resume]:
    """The sessions of a source on their way into the store, and what the reader says besides."""
    origin = Origin(
        name=manner.source or reader.name,
        format=reader.name,
        file=Path((not source.parts and (source.member or source.path)) or source.name).name,
        time_ms=(time.time_ns() if stamp is None else stamp.mtime_ns) // 1_000_000,
        user=manner.user,
    )
    make = draft
    if manner.redact:
        from ion_summary.operations.redacting import redacted_draft  # nobody else waits for the import

        make = redacted_draft
    options = ReadOptions(tz=manner.tz or zone(reader.zone or "local"), split=manner.split)
    for item in read(source, reader, options, start):
        if isinstance(item, Rejected | Resume):
            yield item
        else:
            yield make(item, origin)
