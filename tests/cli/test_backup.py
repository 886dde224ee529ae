from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from tests.cli.conftest import on_terminal, without_styles


def test_it_prints_where_the_archive_is_and_what_it_holds(store: Path, run: Callable[..., Any]) -> None:
    done = run("backup", "--json")
    assert (done.exit_code, done.stderr) == (0, "")
    report = orjson.loads(done.stdout)
    assert list(report)[:4] == ["archive", "sessions", "bytes", "sha256"]
    archive = Path(report["archive"])
    assert archive.parent == store.parent / "backups"
    assert (report["sessions"], report["bytes"]) == (3, archive.stat().st_size)
    plain = run("backup", store.parent / "out")
    assert dict(line.split("\t") for line in plain.stdout.splitlines())["sessions"] == "3"
    status, drawn = on_terminal("backup", store.parent / "out")
    assert status == 0
    assert "members_reused" in without_styles(drawn)


def test_an_archive_is_checked(store: Path, run: Callable[..., Any]) -> None:
    archive = Path(orjson.loads(run("backup", "--json").stdout)["archive"])
    report = orjson.loads(run("backup", "--verify", archive, "--json").stdout)
    assert (report["ok"], report["sessions"], report["records"]) == (True, 3, 3)
    data = bytearray(archive.read_bytes())
    data[len(data) // 2] ^= 1
    archive.write_bytes(data)
    done = run("backup", "--verify", archive, "--json")
    assert done.exit_code == 30
    assert orjson.loads(done.stderr)["error"]["code"] == "snapshot_corrupt"
    done = run("backup", "--verify", store.parent / "nothing")
    assert (done.exit_code, len(done.stderr.splitlines())) == (2, 2)


def test_dry_run_names_what_would_go_and_does_nothing(store: Path, run: Callable[..., Any]) -> None:
    archive = orjson.loads(run("backup", "--json").stdout)["archive"]
    done = run("backup", "--keep", 1, "--dry-run", "--json")
    document = orjson.loads(done.stdout)
    assert document["executed"] is False
    assert document["plan"]["removed"] == [archive]
    assert document["plan"]["sessions"] == 3
    assert [path.name for path in (store.parent / "backups").iterdir()] == [Path(archive).name]
    rows = [line.split("\t") for line in run("backup", "--keep", 1, "--dry-run").stdout.splitlines()]
    assert (rows[0][0], rows[0][3]) == (archive, "removed")
    assert rows[1][3] == "last"
    done = run("backup", "--keep", 1, "--json")
    assert orjson.loads(done.stdout)["removed"] == [archive]
    assert not Path(archive).exists()


@pytest.mark.parametrize("words", [["--keep", "0"], ["--keep-daily", "-1"], ["--keep-weekly", "x"]])
def test_rules_count_from_one(store: Path, run: Callable[..., Any], words: list[str]) -> None:
    assert run("backup", *words).exit_code == 2
    assert not (store.parent / "backups").exists()


def test_into_the_store_is_a_usage_error(store: Path, run: Callable[..., Any]) -> None:
    done = run("backup", store / "backups")
    assert done.exit_code == 2
    assert "inside the store" in done.stderr
    assert run("backup", "--store", store.parent / "none").exit_code == 10


def test_what_is_left_out_is_named(store: Path, run: Callable[..., Any]) -> None:
    (store / "notes\x1b[31m.txt").write_bytes(b"")
    done = run("backup")
    assert "left out" in done.stderr
    assert "\x1b" not in done.stderr
    assert run("backup", "--quiet").stderr == ""


def test_rewrite_says_what_became_of_each_archive(store: Path, run: Callable[..., Any]) -> None:
    from ion_summary.store import tombstones

    assert orjson.loads(run("backup", "--rewrite", "--json").stdout) == {"archives": []}
    archive = orjson.loads(run("backup", "--json").stdout)["archive"]
    (found,) = orjson.loads(run("backup", "--rewrite", "--json").stdout)["archives"]
    assert (found["archive"], found["rewritten"]) == (archive, False)
    mark = tombstones.mark_of("user", "민수", b"salt" * 4)
    tombstones.append(store, [tombstones.forget_fields(mark)])
    done = run("backup", "--rewrite", "--json")
    (found,) = orjson.loads(done.stdout)["archives"]
    assert (done.exit_code, found["rewritten"], found["sessions"], found["problem"]) == (0, True, 2, None)
    assert "1 of 1 archives rewritten" in done.stderr
    Path(archive).write_bytes(b"x")
    assert run("backup", "--rewrite").exit_code == 3


def test_rules_may_stand_in_the_settings(store: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    first = orjson.loads(run("backup", "--json").stdout)["archive"]
    monkeypatch.setenv("ION_SUMMARY_KEEP", "1")
    assert orjson.loads(run("backup", "--json").stdout)["removed"] == [first]
