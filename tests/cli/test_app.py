from __future__ import annotations

import os
import re
import shlex
import signal
import subprocess
import sys
import tomllib
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

import orjson
import pytest
import typer

from ion_summary.cli.app import COMMANDS
from ion_summary.version import VERSION
from tests.cli.conftest import process

ROOT = Path(__file__).parents[2]
# Each costs a tenth of the cold start or more, or has no business in a search.
HEAVY = {
    "pydantic", "google", "flask", "redis", "dateutil", "dateutil.parser", "rich", "zoneinfo", "tomllib", "email",
    "http", "multiprocessing", "concurrent.futures", "asyncio", "importlib.metadata", "csv", "zipfile", "ssl",
}  # fmt: skip


def words_of(help_text: str) -> str:
    return " ".join(help_text.split())


def commands() -> dict[str, Any]:
    return {name: typer.main.get_command(import_module(f"ion_summary.cli.{name}").app) for name in COMMANDS}


@pytest.mark.parametrize("name", COMMANDS)
def test_help_line_is_the_commands_own(name: str) -> None:
    own = words_of(commands()[name].help.split("\n\n")[0])
    assert own == COMMANDS[name]
    assert own.endswith(".")


@pytest.mark.parametrize("name", COMMANDS)
def test_help_begins_with_examples_that_parse(name: str) -> None:
    help_text = commands()[name].help
    assert "Examples:" in help_text
    examples = [line for line in help_text.splitlines() if f"ion-summary {name}" in line]
    assert len(examples) >= 2


def test_group_help_lists_every_command(run: Callable[..., Any]) -> None:
    done = run("-h")
    assert done.exit_code == 0
    assert done.stdout == run("--help").stdout
    for name, line in COMMANDS.items():
        assert re.search(rf"^  {name} +{re.escape(line)}$", done.stdout, re.MULTILINE)


@pytest.mark.parametrize("words", [(name, flag) for name in COMMANDS for flag in ("-h", "--help")])
def test_every_command_has_help_on_standard_output(words: tuple[str, str], run: Callable[..., Any]) -> None:
    done = run(*words)
    assert (done.exit_code, done.stderr) == (0, "")
    assert done.stdout.startswith(f"Usage: ion-summary {words[0]} ")


def test_version_is_the_projects(run: Callable[..., Any]) -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["hatch"]["version"]["path"]
    assert f'VERSION = "{VERSION}"' in (ROOT / declared).read_text()
    for flag in ("-V", "--version"):
        assert run(flag).stdout == f"ion-summary {VERSION}\n"


@pytest.mark.parametrize("words", [(), ("config",)])
def test_without_a_command_the_help_goes_to_standard_error(words: tuple[str, ...], run: Callable[..., Any]) -> None:
    done = run(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    assert "Usage:" in done.stderr
    assert "Examples:" in done.stderr


@pytest.mark.parametrize(
    ("words", "message", "hint"),
    [
        (["serch"], "no such command: 'serch'", "did you mean `ion-summary search`?"),
        (["xyzzy"], "no such command: 'xyzzy'", "`ion-summary -h` lists the commands"),
        (
            ["search", "--usr", "x"],
            "No such option: --usr (Possible options: --sort, --store, --user)",
            "`ion-summary search -h`",
        ),
        (["--nope"], "No such option: --nope", "`ion-summary -h`"),
        (["show"], "Missing argument 'SESSION_ID'", "`ion-summary show -h`"),
        (["ingest"], "Missing argument 'PATH...'", "`ion-summary ingest -h`"),
        (["search", "-n", "many"], "'many' is not a valid int", "`ion-summary search -h`"),
        (["search", "-n", "-1"], "--limit: must be at least 0, not -1", "--limit"),
        (["search", "--offset", "-1"], "Invalid value for '--offset'", "`ion-summary search -h`"),
        (["search", "--sort", "best"], "'best' is not one of", "`ion-summary search -h`"),
        (["search", "--type", "gpt"], "'gpt' is not one of 'llm', 'rule_based'", "`ion-summary search -h`"),
        (["search", "--since", "monday"], "not a time: 'monday'", "오늘"),
        (["search", "--since", "0d"], "not a time: '0d'", "90d"),
        (["search", "--since", "2026-01-05", "--until", "2026-01-04"], "nothing lies between", "--since"),
        (["search", "--tz", "Mars"], "unknown time zone 'Mars'", "Asia/Seoul"),
        (["stats", "--by", "hour"], "'hour' is not one of", "`ion-summary stats -h`"),
        (["config", "shwo"], "No such command 'shwo'", "`ion-summary config -h`"),
        (["summarize", "x", "--max-bullets", "0"], "--max-bullets: must be at least 1", "--max-bullets"),
        (["search", "--store", ""], "--store: must not be empty", "--store"),
    ],
)
def test_usage_errors_are_a_line_and_a_hint(words: list[str], message: str, hint: str, run: Callable[..., Any]) -> None:
    done = run(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    first, second = done.stderr.splitlines()
    assert first.startswith("error: ")
    assert message in first
    assert second.startswith("hint: ")
    assert hint in second


@pytest.mark.parametrize(
    "words",
    [
        ("search", "--json", "--usr", "x"),
        ("search", "--json", "--format", "csv"),
        ("search", "--usr", "x", "--format=json"),
        ("search", "--format", "jsonl", "--usr"),
        ("--json", "search"),
        ("serch", "--json"),
        ("search", "--json", "--since", "monday"),
        ("show", "--json"),
    ],
)
def test_with_json_a_usage_error_is_one_object(words: tuple[str, ...], run: Callable[..., Any]) -> None:
    done = run(*words)
    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    error = orjson.loads(line)["error"]
    assert list(error) == ["code", "message", "hint", "exit_code"]
    assert (error["code"], error["exit_code"]) == ("usage", 2)


def test_json_after_two_dashes_is_a_word(run: Callable[..., Any]) -> None:
    assert run("search", "--since", "monday", "--", "--json").stderr.startswith("error: ")


def test_errors_are_inert(run: Callable[..., Any]) -> None:
    done = run("show\x1b[31m\x1b]0;x\x07\u202e")
    assert done.exit_code == 2
    assert not re.search("[\x00-\x09\x0b-\x1f\x7f-\x9f\u202e]", done.stderr)


def test_configuration_errors_end_with_4(home: Path, run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("--config", "none.toml", "search").exit_code == 4
    monkeypatch.setenv("ION_SUMMARY_LIMIT", "many")
    done = run("search")
    assert done.exit_code == 4
    assert "ION_SUMMARY_LIMIT" in done.stderr
    monkeypatch.setenv("ION_SUMMARY_LIMIT", "3")
    monkeypatch.setenv("ION_SUMMARY_TZ", "Mars")
    done = run("search")
    assert done.exit_code == 4
    assert "ION_SUMMARY_TZ" in done.stderr


def test_debug_adds_the_traceback_and_nothing_else_shows_one(run: Callable[..., Any], tmp_path: Path) -> None:
    for words in (["--debug", "search"], ["search", "--debug"]):
        done = run(*words, "--store", tmp_path / "none")
        assert done.exit_code == 10
        assert "Traceback" in done.stderr
    assert "Traceback" not in run("search", "--store", tmp_path / "none").stderr


def test_a_bug_is_one_line_with_exit_status_1(run: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    from ion_summary import config

    def broken(*_: object) -> None:
        raise ZeroDivisionError("a bug")

    monkeypatch.setattr(config, "resolve", broken)
    done = run("search", "--json")
    error = orjson.loads(done.stderr)["error"]
    assert (done.exit_code, error["code"]) == (1, "bug")
    assert "ZeroDivisionError: a bug" in error["message"]
    assert "--debug" in error["hint"]


def test_module_and_entry_point_are_the_same() -> None:
    declared = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["scripts"]
    assert declared == {"ion-summary": "ion_summary.__main__:main"}
    done = process("--version")
    assert (done.returncode, done.stdout, done.stderr) == (0, f"ion-summary {VERSION}\n".encode(), b"")


def loaded(*words: Any) -> set[str]:
    """The modules that a process has loaded when the command line ``words`` is done."""
    code = (
        "import sys; from ion_summary.cli.app import app; import typer\n"
        f"try: typer.main.get_command(app)({[str(word) for word in words]!r})\n"
        "finally: sys.stderr.write(' '.join(sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert "ion_summary.cli.app" in done.stderr
    return set(done.stderr.split())


@pytest.mark.parametrize("words", [["-h"], ["--version"]])
def test_help_and_version_load_no_command(words: list[str]) -> None:
    modules = loaded(*words)
    assert not HEAVY & modules
    assert not {f"ion_summary.cli.{name}" for name in COMMANDS} & modules
    assert "sqlite3" not in modules


def test_search_loads_nothing_heavy(store: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("ION_SUMMARY_TZ")
    for words in (["환불"], ["--user", "u-1"], ["--since", "2026-01-01", "--format", "plain"]):
        modules = loaded("search", "--json", *words) if "--format" not in words else loaded("search", *words)
        assert "ion_summary.operations.search" in modules
        assert not HEAVY & modules
        assert not any(name.startswith(("ion_summary.transcripts", "ion_summary.summarizers")) for name in modules)


def test_garbage_is_collected_while_a_command_runs(store: Path) -> None:
    code = (
        "import gc, sys; from ion_summary.store.storage import SessionSummaryStorage as S; find = S.find\n"
        "def told(*words): sys.stderr.write(str(gc.isenabled())); return find(*words)\n"
        "S.find = told; sys.argv = ['ion-summary', 'search']; from ion_summary.__main__ import main; main()"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stderr == "True"


def test_ctrl_c_ends_with_130_and_one_line() -> None:
    command = [sys.executable, "-m", "ion_summary", "ingest", "-", "--debug"]
    child = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    assert child.stdin is not None
    # It has begun to read when the pipe, which holds 64 KiB, takes more than that.
    child.stdin.write(b"[" + b" " * 300_000)
    child.send_signal(signal.SIGINT)
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130
    assert out == b""
    assert err.decode().startswith("error: interrupted\nhint: ")


def test_a_closed_pipe_ends_quietly(store: Path) -> None:
    # So much that it does not fit into the pipe: the writer must meet the closed end.
    reader, writer = os.pipe()
    os.close(reader)
    done = process("search", "--format", "jsonl", stdout=writer)
    os.close(writer)
    assert done.returncode == 141
    assert done.stderr == b""


def test_head_gets_its_line_and_no_complaint(store: Path) -> None:
    command = f"{shlex.quote(sys.executable)} -m ion_summary search | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, check=False)
    assert len(done.stdout.splitlines()) == 1
    assert done.stderr == b""


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_a_full_disk_behind_standard_output_is_named(store: Path) -> None:
    with Path("/dev/full").open("wb") as full:
        done = process("search", "--json", stdout=full)
    assert done.returncode == 14
    error = orjson.loads(done.stderr)["error"]
    assert error["code"] == "store_not_writable"
    assert "standard output" in error["message"]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
@pytest.mark.parametrize(
    ("words", "status"), [(("search", "--store", "/nowhere"), 10), (("show", "nobody", "--json"), 15), (("search",), 0)]
)
def test_a_full_disk_behind_standard_error_leaves_the_status(store: Path, words: tuple[str, ...], status: int) -> None:
    with Path("/dev/full").open("wb") as full:
        done = subprocess.run([sys.executable, "-m", "ion_summary", *words], stderr=full, stdout=-1, check=False)
    assert done.returncode == status


def test_standard_output_may_be_closed(store: Path) -> None:
    for command, status in (("search >&-", 0), ("show nope 2>&-", 15)):
        shell = ["bash", "-c", f"{sys.executable} -m ion_summary {command}"]
        done = subprocess.run(shell, capture_output=True, timeout=60, check=False)
        assert (done.returncode, done.stdout, done.stderr) == (status, b"", b"")


@pytest.mark.parametrize("format_", ["table", "plain", "csv", "json", "jsonl"])
def test_cp949_output_never_fails(store: Path, format_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONIOENCODING", "cp949")
    done = process("search", "--format", format_)
    assert (done.returncode, done.stderr) == (0, b"") or format_ == "table"
    text = done.stdout.decode("cp949")
    if format_ == "json":
        assert orjson.loads(text)["total"] == 3
        assert "환불" in orjson.loads(text)["hits"][-1]["summary"]
    elif format_ != "jsonl":
        assert "환불" in text
    assert process("stats", "--format", "table").returncode == 0


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_script_is_for_the_entry_point(shell: str) -> None:
    script = process("--show-completion", shell, env=os.environ | {"_TYPER_COMPLETE_TEST_DISABLE_SHELL_DETECTION": "1"})
    assert script.returncode == 0, script.stderr
    assert b"ion-summary" in script.stdout
    assert b"_ION_SUMMARY_COMPLETE" in script.stdout


def completed(line: str) -> list[str]:
    environment = os.environ | {
        "_ION_SUMMARY_COMPLETE": "complete_bash",
        "COMP_WORDS": line,
        "COMP_CWORD": str(len(line.split(" ")) - 1),
    }
    done = process(env=environment)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode().split()


def test_completion_knows_commands_options_and_choices() -> None:
    assert completed("ion-summary ") == list(COMMANDS)
    assert completed("ion-summary se") == ["search"]
    assert completed("ion-summary config ") == ["show", "path", "init"]
    assert completed("ion-summary search --si") == ["--since"]
    assert completed("ion-summary search --format ") == ["auto", "table", "plain", "json", "jsonl", "csv"]
    assert completed("ion-summary search --type r") == ["rule_based"]
    assert completed("ion-summary stats --by ") == ["day", "month", "user", "source", "type", "tag"]


CONTRACT = "summarize ingest search show stats reindex prune backup restore verify forget worker config".split()
ADDITIONS = "export similar tags".split()


def test_names_are_those_of_the_contract() -> None:
    assert set(COMMANDS) <= {*CONTRACT, *ADDITIONS}
    expected = {
        "restore": "--to --replace --merge --yes --dry-run --lock-timeout",
        "backup": "--keep --keep-daily --keep-weekly --keep-monthly --verify --dry-run --store --lock-timeout",
        "summarize": "--max-bullets --max-chars --input-format --user --split --explain --store",
        "ingest": "--input-format --user --source --max-bullets --max-chars --workers --no-transcripts --tz --split "
        "--dry-run --explain --lock-timeout",
        "search": "--user --type --since --until --source --tag --session -n --limit --offset --sort",
        "show": "--messages",
        "stats": "--by",
        "prune": "--older-than --user --type --keep-stats --no-keep-stats --force --yes --dry-run --lock-timeout --tz",
        "forget": "--user --session --yes --dry-run --lock-timeout",
        "reindex": "--workers --compact --lock-timeout",
        "verify": "--repair --lock-timeout",
    }
    everywhere = "--store --format --json --quiet -q --no-color --debug --config"
    for name, options in expected.items():
        found = {flag for param in commands()[name].params for flag in (*param.opts, *param.secondary_opts)}
        assert set(f"{options} {everywhere}".split()) <= found, name


def test_a_directory_of_something_else_is_no_store(tmp_path: Path, run: Callable[..., Any]) -> None:
    other = tmp_path / "other"
    other.mkdir()
    (other / "thesis.txt").write_text("not ours")
    for words in (("search", "x"), ("stats",), ("verify",), ("backup", tmp_path / "a.tar.gz"), ("export", "-")):
        assert run(*words, "--store", other).exit_code == 10, words
    assert [each.name for each in other.iterdir()] == ["thesis.txt"]
