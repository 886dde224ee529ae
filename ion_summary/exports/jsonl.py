"""How do records become JSON Lines? As ``search --format jsonl`` prints them, with their messages where asked for."""

from __future__ import annotations

from collections.abc import Iterable
from typing import IO

import orjson

from ion_summary.exports.exporter import Exported

_OPTIONS = orjson.OPT_UTC_Z | orjson.OPT_APPEND_NEWLINE


def write(items: Iterable[Exported], file: IO[bytes]) -> None:
    """One object per record: its members by the contract, and ``messages`` if they come with it."""
    for record, messages in items:
        value = record.to_dict()
        if messages is not None:
            value["messages"] = [
                {"role": each.role, "content": each.content, "timestamp": each.timestamp, "name": each.name}
                for each in messages
            ]
        file.write(orjson.dumps(value, option=_OPTIONS))
