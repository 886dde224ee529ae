from __future__ import annotations

import csv
import io
import os
import stat
import tomllib
from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from ion_summary import config
from tests.cli.conftest import on_terminal, without_styles

NAMES = [each.name for each in config.Settings.declared()]


def test_show_names_each_value_and_its_source(
    run: Callable[..., Any], home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = home / ".config/ion-summary/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("limit = 3\n")
    monkeypatch.setenv("ION_SUMMARY_MAX_BULLETS", "5")
    shown = orjson.loads(run("config", "show", "--json", "--store", "/s").stdout)
    assert list(shown) == NAMES
    assert shown["limit"] == {"value": 3, "source": f"file {path}"}
    assert shown["max_bullets"] == {"value": 5, "source": "environment ION_SUMMARY_MAX_BULLETS"}
    assert shown["store"] == {"value": "/s", "source": "option --store"}
    assert shown["max_chars"] == {"value": 800, "source": "default"}
    rows = [line.split("\t") for line in run("config", "show").stdout.splitlines()]
    assert [row[0] for row in rows] == NAMES
    assert ["limit", "3", f"file {path}"] in rows
    table = csv.reader(io.StringIO(run("config", "show", "--format", "csv").stdout))
    assert next(table) == ["name", "value", "source"]
    lines = run("config", "show", "--format", "jsonl").stdout.splitlines()
    assert [orjson.loads(line)["name"] for line in lines] == NAMES
    drawn = without_styles(on_terminal("config", "show", width=160)[1])
    assert "environment ION_SUMMARY_MAX_BULLETS" in drawn


def test_config_option_stands_before_or_after_the_command(run: Callable[..., Any], tmp_path: Path) -> None:
    file = tmp_path / "other.toml"
    file.write_text("limit = 7\n")
    for words in (["--config", file, "config", "show"], ["config", "show", "--config", file]):
        assert orjson.loads(run(*words, "--json").stdout)["limit"] == {"value": 7, "source": f"file {file}"}


def test_format_can_be_set_for_good(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("ION_SUMMARY_FORMAT", "json")
    assert set(orjson.loads(run("config", "show").stdout)) == set(NAMES)
    assert orjson.loads(run("search", "--store", tmp_path / "none").stderr)["error"]["exit_code"] == 10
    assert run("config", "show", "--format", "plain").stdout.startswith("store\t")


def test_path_is_that_of_the_file_in_force(run: Callable[..., Any], home: Path) -> None:
    assert run("config", "path").stdout == f"{home}/.config/ion-summary/config.toml\n"
    assert run("config", "path", "--config", "/x/y.toml").stdout == "/x/y.toml\n"
    assert run("--config", "/x/y.toml", "config", "path").stdout == "/x/y.toml\n"


def test_path_is_told_even_if_the_file_is_broken(run: Callable[..., Any], home: Path) -> None:
    path = home / ".config/ion-summary/config.toml"
    path.parent.mkdir(parents=True)
    path.write_text("limit = \n")
    assert run("config", "path").stdout == f"{path}\n"
    assert run("config", "show").exit_code == 4


def test_init_writes_once_for_the_owner_only(run: Callable[..., Any], home: Path) -> None:
    path = home / ".config/ion-summary/config.toml"
    done = run("config", "init")
    assert (done.exit_code, done.stdout) == (0, f"{path}\n")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert tomllib.loads(path.read_text()) == {}
    path.write_text("limit = 3\n")
    again = run("config", "init")
    assert again.exit_code == 4
    assert "already" in again.stderr
    assert path.read_text() == "limit = 3\n"


def test_init_writes_where_it_is_told(run: Callable[..., Any], tmp_path: Path) -> None:
    path = tmp_path / "deep/er/settings.toml"
    assert run("config", "init", "--config", path).exit_code == 0
    assert path.exists()
    assert run("config", "show", "--config", path).exit_code == 0


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_init_says_why_it_cannot(run: Callable[..., Any], tmp_path: Path) -> None:
    tmp_path.chmod(0o500)
    done = run("config", "init", "--config", tmp_path / "x" / "config.toml")
    tmp_path.chmod(0o700)
    assert done.exit_code == 4
