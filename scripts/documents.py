"""What do the examples in a document say, and what do they say today?

A fenced block marked ``console`` is executed: every line that begins with ``$ `` is a command, what follows up to the
next is its output, standard error included. One document is one shell session: a directory of its own that holds the
sample sessions, an empty home, and no settings. ``python`` blocks are doctests in the same place.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
_FENCE = re.compile(r"^```(\w*)[^\n]*\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE_TIME = 1_771_500_000  # 2026-02-19T11:20:00Z
# What differs from run to run, by as many other characters as need be.
_VOLATILE = [
    (re.compile(r"\d+(?:\.\d+)? m?s\b"), "0 s"),
    (re.compile(r'("elapsed_s": ?)[\d.]+'), r"\g<1>0"),
    (re.compile(r"\d+(?:\.\d+)? ?(?:bytes|[kKMG]i?B)\b"), "0 KB"),
    (re.compile(r"(elapsed_s +)[\d.]+"), r"\g<1>0"),
    (re.compile(r"\s+"), ""),  # lines are folded elsewhere, because the home directory's name is as long as it is
]


@dataclass(frozen=True, slots=True)
class Block:
    """One fenced block: its language, its text, and where the text stands in the document."""

    language: str
    text: str
    start: int
    line: int


def blocks(document: str, language: str) -> list[Block]:
    """The blocks of one language in a Markdown text, in order."""
    return [
        Block(match[1], match[2], match.start(2), document.count("\n", 0, match.start(2)) + 1)
        for match in _FENCE.finditer(document)
        if match[1] == language
    ]


class Shell:
    """Where the examples of one document run: ``directory`` is made, and is their home and working directory."""

    def __init__(self, directory: Path) -> None:
        self.directory = directory
        directory.mkdir(parents=True)
        shutil.copytree(ROOT / "sample_sessions", directory / "sample_sessions")
        for sample in (directory / "sample_sessions").rglob("*"):
            os.utime(sample, (_FILE_TIME, _FILE_TIME))  # the time of messages that have none
        tools = directory / ".bin"
        tools.mkdir()
        tool = tools / "ion-summary"
        tool.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m ion_summary "$@"\n')
        tool.chmod(0o755)

    @property
    def environment(self) -> dict[str, str]:
        """No settings, no terminal, UTC, tables of 100 columns."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith(("ION_SUMMARY_", "XDG_"))}
        return kept | {
            "HOME": str(self.directory),
            "PATH": f"{self.directory / '.bin'}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "LC_ALL": "C.UTF-8",
            "TZ": "UTC",
            "COLUMNS": "100",
            "ION_SUMMARY_FORMAT": "table",
        }

    def run(self, command: str) -> str:
        """What a command prints, with the home directory as ``~`` and no white space at line ends."""
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=self.directory,
            env=self.environment,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=60,
        )
        text = done.stdout.decode("utf-8").replace(str(self.directory), "~")
        return re.sub(r" +$", "", text, flags=re.MULTILINE)

    def replay(self, block: Block) -> str:
        """A console block as it reads today."""
        text = ""
        for line in block.text.splitlines():
            if line.startswith("$ "):
                output = self.run(line[2:])
                if "error: unexpected" in output:
                    raise RuntimeError(f"`{line[2:]}` met a bug: {output}")
                text += f"{line}\n{output}"
                if output and not output.endswith("\n"):
                    text += "\n"
        return text


def same(written: str, printed: str) -> tuple[str, str]:
    """Both texts without what differs from run to run: equal if the document is right."""
    for pattern, replacement in _VOLATILE:
        written, printed = pattern.sub(replacement, written), pattern.sub(replacement, printed)
    return written, printed


def refreshed(document: str, directory: Path) -> str:
    """The document with the output of every console block as it is today; what is right stays as it is."""
    shell = Shell(directory)
    replayed = [(block, shell.replay(block)) for block in blocks(document, "console")]
    for old, new in reversed(replayed):
        before, after = same(old.text, new)
        if before != after:
            document = document[: old.start] + new + document[old.start + len(old.text) :]
    return document
