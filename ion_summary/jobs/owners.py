"""Which process works on which jobs, and is it still alive?

Of a process on this machine that is known at once, by its number and the time it was started; of one elsewhere (another
machine, another container on a shared disk) by its lease, which it renews while it lives.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from functools import lru_cache
from pathlib import Path

LEASE_MS = 120_000
_DAY_MS = 86_400_000
#: Renewing three times within a lease leaves room for a machine that is busy with something else.
RENEW_S = LEASE_MS / 3000


def now_ms() -> int:
    """The time."""
    return time.time_ns() // 1_000_000


def day_ms() -> int:
    """Midnight, UTC."""
    return now_ms() // _DAY_MS * _DAY_MS


def month_ms() -> int:
    """The first of the month, UTC."""
    return day_ms() - (time.gmtime().tm_mday - 1) * _DAY_MS


def enter(db: sqlite3.Connection) -> int:
    """Makes this process (or a part of it) an owner of jobs; its number. Belongs into a transaction."""
    pid = os.getpid()
    row = (pid, _started(pid) or "", _machine(), now_ms() + LEASE_MS)
    number = db.execute("INSERT INTO owner(pid, started, machine, lease_ms) VALUES(?, ?, ?, ?)", row).lastrowid
    assert number is not None
    return number


def renew(db: sqlite3.Connection, owner: int) -> None:
    """Says that an owner is still there."""
    db.execute("UPDATE owner SET lease_ms = ? WHERE id = ?", (now_ms() + LEASE_MS, owner))


def leave(db: sqlite3.Connection, owner: int) -> None:
    """Ends an owner in good order."""
    db.execute("UPDATE owner SET ended = 1 WHERE id = ?", (owner,))


def dead(db: sqlite3.Connection) -> list[int]:
    """The owners that have not left and will not come back."""
    rows = db.execute("SELECT id, pid, started, machine, lease_ms FROM owner WHERE NOT ended").fetchall()
    return [number for number, *rest in rows if not _lives(*rest)]


def _lives(pid: int, started: str, machine: str, lease_ms: int) -> bool:
    if machine and machine == _machine() and started:
        return _started(pid) == started
    return lease_ms > now_ms()


@lru_cache(maxsize=1)
def _machine() -> str:
    """This start of this machine, and its numbering of processes (a container has its own); "" if nobody says."""
    with contextlib.suppress(OSError):
        boot = Path("/proc/sys/kernel/random/boot_id").read_text("ascii").strip()
        return f"{boot} {Path('/proc/self/ns/pid').readlink()}"
    return ""


def _started(pid: int) -> str | None:
    """When the process was started, in ticks since the machine was; None if there is no such process (any more)."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_bytes()
    except OSError:
        return None
    # The name, in parentheses, may hold anything; the state and the start time are fields 3 and 22.
    fields = stat[stat.rindex(b")") + 2 :].split()
    return None if fields[0] in (b"Z", b"X") else fields[19].decode()
