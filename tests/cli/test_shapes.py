"""The shapes of all JSON that scripts may rely on. What is added here is an addition; what changes breaks somebody."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

SNAPSHOT = Path(__file__).parent / "snapshots" / "shapes.json"
COMMANDS = {
    "summarize": ["summarize", "TRANSCRIPT"],
    "summarize --pending --dry-run": ["summarize", "--pending", "--dry-run"],
    "worker": ["worker"],
    "ingest": ["ingest", "TRANSCRIPT", "NOISE"],
    "ingest --explain": ["ingest", "--explain", "TRANSCRIPT"],
    "search": ["search", "환불"],
    "show": ["show", "s-1"],
    "show --messages": ["show", "s-1", "--messages"],
    "stats": ["stats"],
    "stats --by": ["stats", "--by", "month"],
    "prune": ["prune", "--older-than", "1d", "--force", "--yes"],
    "forget": ["forget", "--session", "s-1", "--yes"],
    "reindex": ["reindex"],
    "reindex --compact": ["reindex", "--compact"],
    "backup": ["backup", "ARCHIVES"],
    "backup --dry-run": ["backup", "ARCHIVES", "--keep", "1", "--dry-run"],
    "backup --verify": ["backup", "--verify", "ARCHIVE"],
    "backup --rewrite": ["backup", "ARCHIVES", "--rewrite"],
    "restore --dry-run": ["restore", "ARCHIVE", "--replace", "--dry-run"],
    "restore": ["restore", "ARCHIVE", "--replace", "--yes"],
    "restore --merge": ["restore", "ARCHIVE", "--merge", "--yes"],
    "verify": ["verify"],
    "config show": ["config", "show"],
    "error": ["show", "nobody"],
}


def shape(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: "object" if key == "metadata" else shape(each) for key, each in value.items()}
    if isinstance(value, list):
        return [shape(value[0])] if value else []
    return {type(None): "null", bool: "bool", int: "int", float: "float", str: "str"}[type(value)]


@pytest.mark.parametrize("name", COMMANDS)
def test_shape_is_the_one_on_record(
    name: str, store: Path, transcript: Path, tmp_path: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GEMINI_API_KEY", "not-asked")
    noise = tmp_path / "noise.bin"
    noise.write_bytes(bytes(range(256)))
    places = {"TRANSCRIPT": str(transcript), "NOISE": str(noise), "ARCHIVES": str(tmp_path / "out")}
    if {"ARCHIVE", "--rewrite"} & set(COMMANDS[name]):
        places["ARCHIVE"] = orjson.loads(run("backup", tmp_path / "out", "--json").stdout)["archive"]
    done = run(*(places.get(word, word) for word in COMMANDS[name]), "--json")
    assert shape(orjson.loads(done.stdout or done.stderr)) == orjson.loads(SNAPSHOT.read_bytes())[name]


def test_every_shape_on_record_is_tested() -> None:
    assert list(orjson.loads(SNAPSHOT.read_bytes())) == list(COMMANDS)
