from __future__ import annotations

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from typer.testing import CliRunner

from ion_summary.cli.app import app

HOSTILE = (
    "[/x] [bold]b[/bold] [link=http://e.example]l[/link] "
    "\x1b[31mred\x1b[0m \x1b]0;title\x07 \x9b2J \u202eevil\u2066 end"
)
SESSIONS: list[dict[str, Any]] = [
    {
        "session_id": "s-1",
        "user_id": "u-1",
        "messages": [
            {
                "role": "user",
                "content": "환불하고 싶어요. 주문번호는 12345입니다.",
                "timestamp": "2026-01-04T06:10:00Z",
            },
            {"role": "assistant", "content": "주문번호를 확인했습니다. 전액환불을 처리해 드리겠습니다."},
        ],
    },
    {
        "session_id": "s-2",
        "user_id": "민수",
        "messages": [
            {"role": "user", "content": "Please deliver the parcel to Seoul.", "timestamp": "2026-01-05T01:00:00Z"},
            {"role": "assistant", "content": "The parcel will arrive on Monday."},
        ],
    },
    {
        "session_id": "=1+1",
        "user_id": "@user",
        "messages": [
            {"role": "user", "content": f"A question about {HOSTILE}", "timestamp": "2026-02-01T12:00:00Z"},
            {"role": "assistant", "content": "An answer\twith a tab and\na second line."},
        ],
    },
]
_ANSI = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A user without settings, whose machine stands in Seoul."""
    for name in list(os.environ):
        if name.startswith(("ION_SUMMARY_", "XDG_", "GOOGLE_", "GEMINI_")) or name in (
            "NO_COLOR",
            "FORCE_COLOR",
            "COLUMNS",
            "LINES",
        ):
            monkeypatch.delenv(name)
    home = tmp_path / "home"
    home.mkdir()
    monkeypatch.setenv("HOME", str(home))
    monkeypatch.setenv("ION_SUMMARY_TZ", "Asia/Seoul")
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).parents[2]))
    monkeypatch.setenv("LC_ALL", "C.UTF-8")
    monkeypatch.setenv("TERM", "xterm-256color")
    return home


@pytest.fixture
def run() -> Callable[..., Any]:
    """Runs the command line in this process: standard output is a pipe."""

    def invoke(*words: Any, stdin: str | bytes | None = None) -> Any:
        return CliRunner().invoke(app, [str(word) for word in words], input=stdin)

    return invoke


@pytest.fixture
def transcript(tmp_path: Path) -> Path:
    path = tmp_path / "sessions.jsonl"
    path.write_bytes(b"".join(orjson.dumps(session) + b"\n" for session in SESSIONS))
    return path


@pytest.fixture
def store(run: Callable[..., Any], transcript: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The store of the user, with all of SESSIONS."""
    path = tmp_path / "store"
    monkeypatch.setenv("ION_SUMMARY_STORE", str(path))
    done = run("ingest", transcript)
    assert done.exit_code == 0, done.stderr
    return path


def process(*words: Any, stdin: bytes | None = None, **more: Any) -> subprocess.CompletedProcess[bytes]:
    """Runs the command line in a process of its own."""
    command = [sys.executable, "-m", "ion_summary", *map(str, words)]
    if stdin is None:
        more.setdefault("stdin", subprocess.DEVNULL)
    else:
        more["input"] = stdin
    more.setdefault("stdout", subprocess.PIPE)
    more.setdefault("stderr", subprocess.PIPE)
    return subprocess.run(command, timeout=60, check=False, **more)


def on_terminal(*words: Any, width: int = 80, env: dict[str, str] | None = None, answer: str = "") -> tuple[int, str]:
    """Runs the command line on a terminal of so many columns, where somebody types ``answer``; the exit status and all
    that is drawn.
    """
    controller, terminal = pty.openpty()
    fcntl.ioctl(terminal, termios.TIOCSWINSZ, struct.pack("HHHH", 24, width, 0, 0))
    command = [sys.executable, "-m", "ion_summary", *map(str, words)]
    child = subprocess.Popen(command, stdin=terminal, stdout=terminal, stderr=terminal, env=os.environ | (env or {}))
    os.close(terminal)
    os.write(controller, answer.encode())
    drawn = b"".join(_chunks(controller))
    os.close(controller)
    return child.wait(timeout=60), drawn.decode().replace("\r\n", "\n")


def _chunks(descriptor: int) -> Iterator[bytes]:
    while True:
        try:
            chunk = os.read(descriptor, 65536)
        except OSError:  # EIO: nobody has the terminal open any more
            return
        if not chunk:
            return
        yield chunk


def without_styles(drawn: str) -> str:
    return _ANSI.sub("", drawn)
