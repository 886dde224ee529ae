"""Readers of other packages: the documented one works as it stands, a broken one is named and costs nothing else."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "plugins.md").read_text("utf-8")
BLOCKS = dict(reversed(re.findall(r"```(text|python|toml|console)\n(.*?)```", PAGE, re.S)))


def install(site: Path, name: str, version: str, readers: dict[str, str], **modules: str) -> None:
    """What an installer would write for a package."""
    for module, code in modules.items():
        (site / f"{module}.py").write_text(code, "utf-8")
    about = site / f"{name.replace('-', '_')}-{version}.dist-info"
    about.mkdir()
    (about / "METADATA").write_text(f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")
    points = "".join(f"{reader} = {target}\n" for reader, target in readers.items())
    (about / "entry_points.txt").write_text(f"[ion_summary.readers]\n{points}")


def install_documented(site: Path) -> None:
    project = tomllib.loads(BLOCKS["toml"])["project"]
    readers = project["entry-points"]["ion_summary.readers"]
    install(site, project["name"], project["version"], readers, acme_chat=BLOCKS["python"])


def run(site: Path, *arguments: str, exit_code: int = 0) -> tuple[str, str]:
    environment = os.environ | {"PYTHONPATH": f"{site}:{ROOT}"}
    done = subprocess.run(
        [sys.executable, "-m", "ion_summary", *arguments],
        env=environment, cwd=site, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == exit_code, done.stderr
    return done.stdout, done.stderr


@pytest.fixture
def site(tmp_path: Path) -> Path:
    """Where packages are installed, with the documented transcript and one of a built-in format."""
    (tmp_path / "tickets.acme").write_text(BLOCKS["text"], "utf-8")
    (tmp_path / "chat.txt").write_text("User: hi\nAssistant: hello\n")
    return tmp_path


def test_the_documented_example_works_as_it_stands(site: Path) -> None:
    install_documented(site)
    prompt, shown, *_ = BLOCKS["console"].splitlines()
    assert run(site, *prompt.split()[2:]) == (f"{shown}\n", "")
    out, err = run(site, "ingest", "--store", "store", "--json", "tickets.acme")
    assert (json.loads(out)["sessions"]["new"], json.loads(out)["warnings"], err) == (2, [], "")
    record = json.loads(run(site, "show", "--store", "store", "--json", "acme-T-1042")[0])
    assert (record["user_id"], record["message_count"]) == ("kim@example.com", 2)
    assert record["metadata"]["source"]["format"] == "acme"
    assert "환불" in run(site, "search", "--store", "store", "환불")[0]
    assert json.loads(run(site, "ingest", "--store", "store", "--json", "tickets.acme")[0])["files"]["unchanged"] == 1


def test_a_part_that_the_example_cannot_read_is_rejected_with_its_line(site: Path) -> None:
    install_documented(site)
    with (site / "tickets.acme").open("a") as file:
        file.write("what is this?\n")
    out, _ = run(site, "ingest", "--store", "store", "--json", "tickets.acme", exit_code=3)
    assert json.loads(out)["rejected"] == [
        {"path": "tickets.acme", "line": 6, "reason": "neither a ticket nor a message"}
    ]


BROKEN = {
    "import": "raise RuntimeError('no licence')",
    "exit": "raise SystemExit(3)",
    "method": "class Reader:\n    zone = None\n    def read(self, *a): pass\n",
    "recognise": "class Reader:\n    def recognise(self, *a): raise KeyError('x')\n    def read(self, *a): pass\n",
    "evidence": "class Reader:\n    def recognise(self, *a): return 'yes'\n    def read(self, *a): pass\n",
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_plugin_is_named_and_the_rest_goes_on(site: Path, how: str) -> None:
    install_documented(site)
    install(site, "broken-chat", "0.1", {"broken": "broken_chat:Reader"}, broken_chat=BROKEN[how])
    out, err = run(site, "ingest", "--store", "store", "tickets.acme", "chat.txt")
    assert "sessions new\t3" in out
    assert re.fullmatch(r"(warning: plugin broken-chat 0\.1: the reader 'broken' .*\n)+", err)
    out, err = run(site, "ingest", "--store", "other", "--json", "chat.txt")
    assert err == ""
    assert "broken-chat" in json.loads(out)["warnings"][0]
    assert "broken-chat" in run(site, "summarize", "chat.txt")[1]
    assert "broken-chat" in run(site, "ingest", "--explain", "chat.txt")[1]


GREEDY = """
from ion_summary import Message, Session
from ion_summary.transcripts.reader import Evidence

class Reader:
    zone = None
    def recognise(self, head, name): return Evidence({score}, "everything is mine")
    def read(self, source, options, start=None):
        yield {item}
        raise ValueError("and then it fails")
"""


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        ("Session(None, None, [Message('user', 'x')])", None),
        ("'text'", "the reader greedy gave str where a session should be"),
        (
            "Session(None, None, [Message('user', None)])",
            "the reader greedy gave a session whose message 1 has no text",
        ),
        ("1 / 0", "the reader greedy failed: ZeroDivisionError: division by zero"),
    ],
)
def test_a_plugin_that_fails_in_reading_is_a_rejected_input(site: Path, item: str, reason: str | None) -> None:
    install(site, "greedy", "1", {"greedy": "greedy:Reader"}, greedy=GREEDY.format(score=60, item=item))
    (site / "odd.bin").write_text("what nobody knows")
    out, _ = run(site, "ingest", "--store", "store", "--json", "odd.bin", "chat.txt", exit_code=3)
    document = json.loads(out)
    failed = "the reader greedy failed: ValueError: and then it fails"
    reasons = [each["reason"] for each in document["rejected"]]
    assert reasons == [each for each in (reason, failed if "ZeroDivision" not in (reason or "") else None) if each]
    assert document["sessions"]["new"] == (2 if reason is None else 1), "the other file is read"


def test_equal_evidence_is_the_built_in_formats_and_a_stronger_one_is_shown(site: Path) -> None:
    item = "Session(None, None, [Message('user', 'x')])"
    install(site, "greedy", "1", {"greedy": "greedy:Reader"}, greedy=GREEDY.format(score=75, item=item))
    assert run(site, "ingest", "--explain", "chat.txt")[0].split("\t")[1] == "plaintext"
    (site / "greedy.py").write_text(GREEDY.format(score=1000, item=item))
    out, _ = run(site, "ingest", "--explain", "--json", "chat.txt")
    (found,) = json.loads(out)
    assert (found["format"], found["reason"]) == ("greedy", "everything is mine (plugin greedy 1)")
    assert [(each["format"], each["score"]) for each in found["evidence"]] == [("greedy", 100), ("plaintext", 75)]


def test_a_built_in_name_is_not_replaced_and_of_two_plugins_the_first_is_used(site: Path) -> None:
    install_documented(site)
    install(site, "evil", "1", {"kakaotalk": "evil:Reader", "acme": "evil:Reader", "Bad Name": "evil:Reader"}, evil="")
    install(site, "aaa", "1", {"acme": "acme_chat:AcmeReader"})
    out, err = run(site, "ingest", "--explain", "tickets.acme")
    assert "plugin aaa 1" in out
    for name, why in (("acme", "has another reader already"), ("kakaotalk", "is built in"), ("Bad Name", "is no name")):
        assert re.search(rf"warning: plugin evil 1: .*'{name}' {why}", err)
    assert "warning: plugin acme-chat 1.0: the format 'acme' has another reader already" in err


def test_no_plugin_is_looked_for_by_commands_that_read_no_transcript(site: Path) -> None:
    install(site, "broken-chat", "0.1", {"broken": "broken_chat:Reader"}, broken_chat="open('loaded', 'w')")
    code = (
        "import sys, ion_summary.__main__ as m\n"
        "sys.argv[1:] = {}\n"
        "try: m.main()\n"
        "except SystemExit: pass\n"
        "print(*sys.modules)"
    )
    for arguments in (["search", "--store", "none", "x"], ["stats", "--store", "none"], ["ingest", "--help"]):
        environment = os.environ | {"PYTHONPATH": f"{site}:{ROOT}"}
        done = subprocess.run(
            [sys.executable, "-c", code.format(arguments)], env=environment, cwd=site, capture_output=True, text=True,
            check=False,
        )  # fmt: skip
        assert "ion_summary.cli" in done.stdout
        assert "importlib.metadata" not in done.stdout.split()
    assert not (site / "loaded").exists()
    run(site, "ingest", "--store", "store", "chat.txt")
    assert (site / "loaded").exists(), "the test sees what it should see"
