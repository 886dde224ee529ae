"""How do records become Apache Parquet, for DuckDB, pandas, Spark and their like? With pyarrow (extra ``parquet``)."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from itertools import islice
from typing import IO, Any

from ion_summary.errors import MissingExtraError
from ion_summary.exports.columns import COLUMNS, values
from ion_summary.exports.exporter import Exported

# Rows written, and held in memory, at a time.
_GROUP = 20_000


def write(items: Iterable[Exported], file: IO[bytes]) -> None:
    """One row per record; ``created_at`` as an instant in UTC, tags and participants as lists.

    Raises:
        MissingExtraError: pyarrow is not installed.
    """
    try:
        import pyarrow
        from pyarrow import parquet
    except ImportError:
        raise MissingExtraError(feature="export to Parquet", package="pyarrow", extra="parquet") from None
    kinds: dict[str, Any] = dict.fromkeys(COLUMNS, pyarrow.string())
    kinds |= {"message_count": pyarrow.int64(), "summary_length": pyarrow.int64(), "cost_usd": pyarrow.float64()}
    kinds |= {"created_at": pyarrow.timestamp("ms", tz="UTC")}
    kinds |= dict.fromkeys(("tags", "participants"), pyarrow.list_(pyarrow.string()))
    schema = pyarrow.schema(list(kinds.items()))
    rest = iter(items)
    with parquet.ParquetWriter(file, schema, compression="zstd") as out:
        while group := list(islice(rest, _GROUP)):
            out.write_table(pyarrow.Table.from_pylist([_row(item) for item in group], schema=schema))


def _row(item: Exported) -> dict[str, Any]:
    row = values(item.record)
    row["created_at"] = _instant(row["created_at"])
    return row


def _instant(created_at: str) -> datetime | None:
    try:
        moment = datetime.fromisoformat(created_at)
    except ValueError:
        return None
    return moment if moment.tzinfo else moment.astimezone()
