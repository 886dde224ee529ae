"""Do the documents tell the truth? Their examples are executed, their links followed, their lists compared."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import orjson
import pytest

from ion_summary.transcripts import detect
from scripts import documents, generate_docs
from scripts.documents import ROOT, Shell, blocks

PAGES = sorted([*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *(ROOT / "benchmarks").glob("*.md")])
DIRECTORIES = ["ion_summary", "docs", "tests", "benchmarks", "scripts", "requirements", "sample_sessions"]
READMES = [ROOT / "README.md", ROOT / "README.ko.md"]


@pytest.fixture
def shell() -> Iterator[Shell]:
    # Not pytest's own directory: a long path is folded where a short one is not.
    with tempfile.TemporaryDirectory(prefix="ion-") as directory:
        yield Shell(Path(directory) / "home")


def name(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("page", generate_docs.EXECUTED)
def test_console_examples_print_what_the_page_says(page: str, shell: Shell) -> None:
    for block in blocks((ROOT / page).read_text("utf-8"), "console"):
        written, printed = documents.same(block.text, shell.replay(block))
        assert printed == written, f"{page}:{block.line} (`make docs` writes it again)"


@pytest.mark.parametrize("path", READMES, ids=name)
def test_python_examples_print_what_the_page_says(path: Path, shell: Shell) -> None:
    shell.run("ion-summary ingest sample_sessions")
    examples = shell.directory / "examples.txt"
    examples.write_text("\n".join(block.text for block in blocks(path.read_text("utf-8"), "python")), "utf-8")
    assert ">>>" in examples.read_text("utf-8")
    command = [sys.executable, "-m", "doctest", "-o", "ELLIPSIS", "-o", "NORMALIZE_WHITESPACE", str(examples)]
    done = subprocess.run(command, cwd=shell.directory, env=shell.environment, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_both_readmes_show_the_same_commands() -> None:
    def commands(path: Path, language: str) -> list[str]:
        text = path.read_text("utf-8")
        return [line for block in blocks(text, language) for line in block.text.splitlines() if line[:2] == "$ "]

    english, korean = (commands(path, "console") for path in READMES)
    assert english == korean != []


@pytest.mark.parametrize("page", generate_docs.GENERATED)
def test_generated_page_is_up_to_date(page: str) -> None:
    assert (ROOT / page).read_text("utf-8") == generate_docs.GENERATED[page](), "run `make docs`"


def test_native_format_examples_are_read_as_the_page_says(shell: Shell) -> None:
    sessions = 0
    for place, block in enumerate(blocks((ROOT / "docs/format.md").read_text("utf-8"), "jsonl")):
        (shell.directory / f"{place}.jsonl").write_text(block.text, "utf-8")
        report = orjson.loads(shell.run(f"ion-summary ingest {place}.jsonl --json"))
        assert report["rejected"] == []
        assert report["sessions"]["new"] == len(block.text.splitlines())
        sessions += report["sessions"]["new"]
    assert sessions >= 3


def test_record_example_has_the_members_of_a_stored_record(shell: Shell) -> None:
    page = (ROOT / "docs/format.md").read_text("utf-8")
    (shell.directory / "s.jsonl").write_text(blocks(page, "jsonl")[0].text, "utf-8")
    shell.run("ion-summary ingest s.jsonl --store store")
    stored = [
        orjson.loads(line)
        for path in (shell.directory / "store").glob("????-??/session_summaries_*.jsonl")
        for line in path.read_bytes().splitlines()
    ]
    (record,) = (record for record in stored if record["session_id"] == "s-1")
    example = orjson.loads(blocks(page, "json")[0].text)
    assert list(record) == list(example)
    for key in record.keys() - {"digest", "metadata", "summary", "summary_length"}:
        assert record[key] == example[key], key
    assert example["summary_length"] == len(example["summary"])
    assert example["metadata"].keys() == record["metadata"].keys()
    assert example["metadata"]["source"] == record["metadata"]["source"]


@pytest.mark.parametrize("path", PAGES, ids=name)
def test_links_and_named_paths_exist(path: Path) -> None:
    text = path.read_text("utf-8")
    for target in re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text):
        if "://" not in target:
            assert (path.parent / target).exists(), target
    for named in re.findall(rf"`((?:{'|'.join(DIRECTORIES)})/[\w./-]*)`", text):
        assert (ROOT / named).exists(), named


def test_every_format_says_how_to_get_it_out_of_its_application() -> None:
    page = (ROOT / "docs/formats.md").read_text("utf-8")
    listed = re.findall(r"^\| `(\w+)` \| ", page, re.M)
    assert listed == list(detect._FORMATS), "in the order in which they are asked"
    others = {"What holds for all", "What is not proven", "Adding a format"}
    sections = dict(part.split("\n", 1) for part in page.split("\n## ")[1:])
    assert all("Getting it" in text for title, text in sections.items() if title not in others)
    own = {"native"}  # docs/format.md is all of it
    assert len(sections) - len(others) == len(listed) - len(own)


def test_every_decision_is_in_their_list() -> None:
    pages = {path.name for path in (ROOT / "docs/decisions").glob("[0-9]*.md")}
    listed = re.findall(r"\]\((\d[^)]*)\)", (ROOT / "docs/decisions/README.md").read_text("utf-8"))
    assert sorted(listed) == sorted(pages)


def test_make_targets_named_in_the_documents_exist() -> None:
    targets = set(re.findall(r"^(\w+):", (ROOT / "Makefile").read_text("utf-8"), re.M))
    for path in PAGES:
        for target in re.findall(r"`make (\w+)`", path.read_text("utf-8")):
            assert target in targets, f"{name(path)}: make {target}"


def test_every_command_is_in_both_readmes() -> None:
    from ion_summary.cli.app import COMMANDS

    for path in READMES:
        text = path.read_text("utf-8")
        for command in COMMANDS:
            assert f"ion-summary {command}" in text or f"`{command}`" in text, f"{name(path)}: {command}"


def test_nothing_of_the_machine_is_in_the_documents() -> None:
    for path in PAGES:
        assert os.fspath(ROOT) not in path.read_text("utf-8"), name(path)
