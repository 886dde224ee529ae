from __future__ import annotations

import os
import stat
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ion_summary import config
from ion_summary.errors import ConfigurationError, UsageError
from ion_summary.operations.config import template, write_template

DECLARED = {each.name: each for each in config.Settings.declared()}


@pytest.fixture
def environment(tmp_path: Path) -> dict[str, str]:
    return {"HOME": str(tmp_path / "home")}


def settings_file(environment: dict[str, str], text: str | bytes) -> Path:
    path = Path(environment["HOME"]) / ".config/ion-summary/config.toml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    return path


def test_defaults_are_those_of_the_contract(environment: dict[str, str]) -> None:
    settings = config.resolve({}, environment)
    assert settings.store == Path(environment["HOME"]) / ".local/share/ion-summary"
    assert (settings.max_bullets, settings.max_chars, settings.limit) == (8, 800, 20)
    assert (settings.lock_timeout, settings.tz, settings.split, settings.format) == (10.0, "local", "day", "auto")
    assert settings.transcripts
    assert set(settings.origins) == set(DECLARED)
    assert set(settings.origins.values()) == {"default"}


def test_option_beats_environment_beats_file_beats_default(environment: dict[str, str]) -> None:
    path = settings_file(environment, "limit = 3\nmax_bullets = 3\nmax_chars = 300\n")
    environment |= {"ION_SUMMARY_LIMIT": "2", "ION_SUMMARY_MAX_BULLETS": "2"}
    settings = config.resolve({"limit": 1}, environment)
    assert (settings.limit, settings.max_bullets, settings.max_chars, settings.split) == (1, 2, 300, "day")
    assert settings.origins["limit"] == "option --limit"
    assert settings.origins["max_bullets"] == "environment ION_SUMMARY_MAX_BULLETS"
    assert settings.origins["max_chars"] == f"file {path}"
    assert settings.origins["split"] == "default"


def test_false_from_an_option_counts_as_given(environment: dict[str, str]) -> None:
    environment["ION_SUMMARY_TRANSCRIPTS"] = "yes"
    assert config.resolve({}, environment).transcripts is True
    assert config.resolve({"transcripts": False}, environment).transcripts is False


def test_empty_variable_is_none(environment: dict[str, str]) -> None:
    environment |= {"ION_SUMMARY_LIMIT": "", "ION_SUMMARY_STORE": "", "XDG_DATA_HOME": ""}
    assert set(config.resolve({}, environment).origins.values()) == {"default"}


@pytest.mark.parametrize("name", DECLARED)
def test_every_setting_can_come_from_each_place(name: str, environment: dict[str, str]) -> None:
    samples: dict[str, Any] = {"bool": False, "int": 7, "float": 1.5, "str": "x", "Path": "/x"}
    each = DECLARED[name]
    value = each.metadata["choices"][-1] if each.metadata["choices"] else samples[config.kind_of(each)]
    value = "http://[::1]:8899/gemini" if each.metadata["url"] else value
    wanted = Path(value) if name == "store" else value
    assert getattr(config.resolve({name: value}, environment), name) == wanted
    variable = {f"ION_SUMMARY_{name.upper()}": str(value)}
    assert getattr(config.resolve({}, environment | variable), name) == wanted
    literal = str(value).lower() if isinstance(value, bool) else f'"{value}"' if isinstance(value, str) else value
    settings_file(environment, f"{name} = {literal}\n")
    assert getattr(config.resolve({}, environment), name) == wanted


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("limt = 3", "unknown setting 'limt'; did you mean 'limit'"),
        ("max-chars = 3", "did you mean 'max_chars'"),
        ("[limit]\nx = 1", "limit: must be a whole number"),
        ('limit = "3"', "limit: must be a whole number, not '3'"),
        ("limit = true", "limit: must be a whole number, not True"),
        ("limit = 1.5", "limit: must be a whole number"),
        ("limit = -1", "limit: must be at least 0"),
        ("max_bullets = 0", "max_bullets: must be at least 1"),
        ("lock_timeout = nan", "lock_timeout: must be at least 0"),
        ("lock_timeout = inf", "lock_timeout: must be at least 0"),
        ("quiet = 1", "quiet: must be true or false"),
        ('split = "week"', "split: must be one of day, none, not 'week'"),
        ('store = ""', "store: must not be empty"),
        ("store = 3", "store: must be a path"),
        ("limit = ", "is not TOML"),
        ("limit = 1\nlimit = 2", "is not TOML"),
        (b"user = '\xff'", "is not UTF-8"),
    ],
)
def test_a_bad_file_is_named_with_the_key(line: str | bytes, said: str, environment: dict[str, str]) -> None:
    path = settings_file(environment, line)
    with pytest.raises(ConfigurationError) as caught:
        config.resolve({}, environment)
    assert said in caught.value.message
    assert str(path) in caught.value.message
    assert caught.value.exit_code == 4


@pytest.mark.parametrize(
    ("variable", "value"),
    [
        ("LIMIT", "many"),
        ("LIMIT", "-1"),
        ("QUIET", "maybe"),
        ("LOCK_TIMEOUT", "nan"),
        ("SPLIT", "Day"),
        ("FORMAT", "xml"),
        *[
            ("BASE_URL", url)
            for url in ("notaurl", "localhost:8899", "ftp://host", "https://", "http://host:port", "http://:1")
        ],
    ],
)
def test_a_bad_variable_is_named(variable: str, value: str, environment: dict[str, str]) -> None:
    with pytest.raises(ConfigurationError, match=f"ION_SUMMARY_{variable}: must be .*{value}"):
        config.resolve({}, environment | {f"ION_SUMMARY_{variable}": value})


def test_a_bad_option_is_a_usage_error(environment: dict[str, str]) -> None:
    with pytest.raises(UsageError, match="--max-bullets: must be at least 1, not 0"):
        config.resolve({"max_bullets": 0}, environment)
    with pytest.raises(UsageError, match="--store"):
        config.resolve({"store": ""}, environment)


@given(st.sampled_from(sorted(DECLARED)), st.text(st.characters(exclude_characters="\0"), max_size=12))
def test_any_variable_is_a_value_or_a_configuration_error(name: str, text: str) -> None:
    try:
        settings = config.resolve({}, {"HOME": "/nowhere", f"ION_SUMMARY_{name.upper()}": text})
    except ConfigurationError as error:
        assert f"ION_SUMMARY_{name.upper()}" in error.message
    else:
        assert isinstance(getattr(settings, name), type(None) | bool | int | float | str | Path)


def test_a_named_file_must_exist_and_its_own_need_not(environment: dict[str, str], tmp_path: Path) -> None:
    config.resolve({}, environment)
    with pytest.raises(ConfigurationError, match="no such file"):
        config.resolve({}, environment, tmp_path / "none.toml")
    with pytest.raises(ConfigurationError, match="no such file"):
        config.resolve({}, environment | {"ION_SUMMARY_CONFIG": str(tmp_path / "none.toml")})
    with pytest.raises(ConfigurationError, match="cannot be read"):
        config.resolve({}, environment, tmp_path)


def test_named_file_replaces_the_users_own(environment: dict[str, str], tmp_path: Path) -> None:
    settings_file(environment, "limit = 3\nmax_chars = 300")
    other = tmp_path / "other.toml"
    other.write_text("limit = 4")
    settings = config.resolve({}, environment, other)
    assert (settings.limit, settings.max_chars) == (4, 800)


def test_directories_follow_xdg_unless_relative(environment: dict[str, str]) -> None:
    environment |= {"XDG_DATA_HOME": "/data", "XDG_CONFIG_HOME": "/conf"}
    assert config.resolve({}, environment).store == Path("/data/ion-summary")
    assert config.find_file(environment) == (Path("/conf/ion-summary/config.toml"), False)
    environment |= {"XDG_DATA_HOME": "data", "XDG_CONFIG_HOME": "./conf"}
    assert config.resolve({}, environment).store == Path(environment["HOME"]) / ".local/share/ion-summary"
    assert config.find_file(environment)[0] == Path(environment["HOME"]) / ".config/ion-summary/config.toml"


def test_store_paths_mean_what_people_expect(environment: dict[str, str]) -> None:
    path = settings_file(environment, 'store = "archive"')
    assert config.resolve({}, environment).store == path.parent / "archive"
    assert config.resolve({"store": "archive"}, environment).store == Path("archive")
    settings_file(environment, 'store = "~/archive"')
    assert config.resolve({}, environment).store == Path(environment["HOME"]) / "archive"


def test_template_is_all_comments_and_names_everything(environment: dict[str, str]) -> None:
    text = template()
    assert tomllib.loads(text) == {}
    lines = [line.removeprefix("# ") for line in text.splitlines() if " = " in line]
    assert list(tomllib.loads("\n".join(lines))) == list(DECLARED)
    settings_file(environment, "\n".join(lines))
    settings = config.resolve({}, environment)  # every example is a value that is accepted
    untouched = [name for name in DECLARED if DECLARED[name].default not in (None, Path())]
    assert [getattr(settings, name) for name in untouched] == [DECLARED[name].default for name in untouched]


def test_template_is_written_once_for_the_owner_only(tmp_path: Path) -> None:
    path = tmp_path / "new/config.toml"
    before = os.umask(0)
    try:
        write_template(path)
    finally:
        os.umask(before)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.write_text("limit = 3")
    with pytest.raises(ConfigurationError, match="already"):
        write_template(path)
    assert path.read_text() == "limit = 3"


def test_template_does_not_follow_a_link(tmp_path: Path) -> None:
    (tmp_path / "config.toml").symlink_to(tmp_path / "target")
    with pytest.raises(ConfigurationError):
        write_template(tmp_path / "config.toml")
    assert not (tmp_path / "target").exists()


def test_the_factories_get_settings_without_the_command_line() -> None:
    code = "import sys; from ion_summary import config; config.resolve({}, {'HOME': '/x'}); print(*sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert not {"typer", "rich", "tomllib", "zoneinfo", "ion_summary.cli"} & set(done.stdout.split())
