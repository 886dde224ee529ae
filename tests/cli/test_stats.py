from __future__ import annotations

import csv
import io
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unicodedata import normalize

import orjson
import pytest

from ion_summary.cli.stats import _size
from ion_summary.store.storage import SessionSummaryStorage
from tests.cli.conftest import on_terminal, without_styles

NAMES = [
    "total_sessions", "llm_summaries", "rule_based_summaries", "recent_24h", "users", "messages", "storage_path",
    "storage_bytes", "partitions", "oldest", "newest", "pending_jobs", "cost_usd",
]  # fmt: skip


def test_json_has_every_name_of_the_contract(store: Path, run: Callable[..., Any]) -> None:
    counted = orjson.loads(run("stats", "--json").stdout)
    assert list(counted)[: len(NAMES)] == NAMES
    assert (counted["total_sessions"], counted["rule_based_summaries"], counted["llm_summaries"]) == (3, 3, 0)
    assert (counted["users"], counted["messages"], counted["partitions"]) == (3, 6, 3)
    assert counted["storage_path"] == str(store)
    assert counted["oldest"].startswith("2026-01-04T06:10:00")
    assert counted["newest"].startswith("2026-02-01T12:00:00")


def test_plain_and_csv_are_names_and_values(store: Path, run: Callable[..., Any]) -> None:
    rows = [line.split("\t") for line in run("stats").stdout.splitlines()]
    assert [row[0] for row in rows][: len(NAMES)] == NAMES
    assert dict(rows)["total_sessions"] == "3"
    found = list(csv.reader(io.StringIO(run("stats", "--format", "csv").stdout)))
    assert found[0] == ["name", "value"]
    assert found[1] == ["total_sessions", "3"]


@pytest.mark.parametrize(
    ("words", "keys"),
    [
        (["day"], ["2026-01-04", "2026-01-05", "2026-02-01"]),
        (["day", "--tz", "America/New_York"], ["2026-01-04", "2026-02-01"]),
        (["month"], ["2026-01", "2026-02"]),
        (["user"], ["@user", "u-1", "민수"]),
        (["source"], ["native"]),
        (["type"], ["rule_based"]),
    ],
)
def test_groups(words: list[str], keys: list[str], store: Path, run: Callable[..., Any]) -> None:
    groups = orjson.loads(run("stats", "--json", "--by", *words).stdout)
    assert sorted(group["key"] for group in groups) == keys
    assert sum(group["sessions"] for group in groups) == 3
    assert sum(group["messages"] for group in groups) == 6
    assert set(groups[0]) == {"key", "sessions", "messages", "llm", "rule_based", "pruned", "cost_usd"}
    lines = run("stats", "--format", "jsonl", "--by", *words).stdout.splitlines()
    assert [orjson.loads(line) for line in lines] == groups
    assert [line.split("\t")[0] for line in run("stats", "--by", *words).stdout.splitlines()] == [
        g["key"] for g in groups
    ]


def test_groups_in_csv_are_safe_to_open(store: Path, run: Callable[..., Any]) -> None:
    rows = list(csv.reader(io.StringIO(run("stats", "--by", "user", "--format", "csv").stdout)))
    assert rows[0] == ["key", "sessions", "messages", "llm", "rule_based", "pruned", "cost_usd"]
    assert "'@user" in {row[0] for row in rows}


@pytest.mark.parametrize("width", [40, 80, 120])
def test_terminal_shows_a_sparkline_and_a_calendar(store: Path, width: int) -> None:
    status, drawn = on_terminal("stats", width=width)
    assert status == 0
    lines = without_styles(drawn).splitlines()
    assert all(len(line.rstrip()) <= width for line in lines)
    assert any("total sessions" in line and line.rstrip().endswith("3") for line in lines)
    spark = next(line for line in lines if "█" in line)
    assert spark.count("█") == 3
    assert spark.rstrip().endswith("█")  # the newest day stands at the end
    rows = [line for line in lines if line[:3] in ("Mon", "Wed", "Fri", "Sun")]
    assert len(rows) == 4
    # 4 January and 1 February were Sundays, 5 January (10:00 in Seoul) a Monday.
    assert rows[3].count("█") == 2
    assert rows[0].count("█") == 1


def test_a_terminal_without_blocks_gets_characters(store: Path) -> None:
    status, drawn = on_terminal("stats", env={"PYTHONIOENCODING": "ascii", "LC_ALL": "C", "PYTHONUTF8": "0"})
    assert status == 0
    assert drawn.isascii()
    assert "#" in drawn


def test_an_empty_store_draws_nothing(store: Path, run: Callable[..., Any]) -> None:
    for path in store.glob("????-??/*.jsonl"):
        path.unlink()
    status, drawn = on_terminal("stats")
    assert status == 0
    assert "sessions per day" not in drawn
    assert orjson.loads(run("stats", "--by", "day", "--json").stdout) == []


def test_without_a_store_it_ends_with_10(run: Callable[..., Any], tmp_path: Path) -> None:
    assert run("stats", "--store", tmp_path / "none").exit_code == 10


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0 B"), (999, "999 B"), (1500, "1.5 kB"), (2_000_000, "2.0 MB"), (5 * 10**12, "5,000.0 GB")]
)
def test_sizes(count: int, text: str) -> None:
    assert _size(count) == text


def test_html_is_one_private_page_with_the_counts(store: Path, run: Callable[..., Any], tmp_path: Path) -> None:
    target = tmp_path / "report.html"
    done = run("stats", "--html", target, "--json")
    assert done.exit_code == 0, done.stderr
    assert orjson.loads(done.stdout) == {"file": str(target), "bytes": target.stat().st_size}
    assert target.stat().st_mode & 0o777 == 0o600
    page = target.read_text()
    assert "민수" in page
    assert "<dt>total sessions</dt><dd>3</dd>" in page
    assert run("stats", "--html", tmp_path / "missing" / "report.html").exit_code == 14


def test_by_tag_counts_sessions_whatever_the_spelling(store: Path, run: Callable[..., Any]) -> None:
    with SessionSummaryStorage(store) as storage:
        for name, tags in (("a", ["환불", "Refund"]), ("b", ["refund", "refund"]), ("c", ["refund"]), ("d", ["gone"])):
            storage.save(name, "u-1", "- x", "llm" if name == "a" else "rule_based", 2, {"tags": tags})
        storage.save("d", "u-1", "- y", "llm", 3, {"tags": [normalize("NFD", "환불")]})
    groups = {each["key"]: each for each in orjson.loads(run("stats", "--by", "tag", "--json").stdout)}
    assert [groups["refund"][name] for name in ("sessions", "messages", "llm", "rule_based")] == [3, 6, 1, 2]
    assert groups["환불"]["sessions"] >= 2
    assert "gone" not in groups
    hits = orjson.loads(run("search", "--tag", "환불", "--json").stdout)["total"]
    assert groups["환불"]["sessions"] == hits
