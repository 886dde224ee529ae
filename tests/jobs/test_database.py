"""The queue is opened by several at once, and its log emptied also while others bring it into the database."""

from __future__ import annotations

import sys
import threading
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from ion_summary.jobs.database import checkpoint, open_database, path_of, transaction, wipe_log


def test_several_make_it_at_once(tmp_path: Path) -> None:
    """Like an application's two threads do on its first day."""
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)  # so that they are interrupted between any two steps
    try:
        with ThreadPoolExecutor(3) as pool:
            for number in range(150):
                together = threading.Barrier(3)
                for each in [pool.submit(_open_together, tmp_path / str(number), together) for _ in range(3)]:
                    each.result()
    finally:
        sys.setswitchinterval(before)


def _open_together(root: Path, together: threading.Barrier) -> None:
    together.wait()
    open_database(root).close()


def test_a_checkpoint_of_somebody_else_is_waited_for(tmp_path: Path) -> None:
    stop = threading.Event()

    def keep_on() -> None:
        while not stop.is_set():
            checkpoint(tmp_path)

    db = open_database(tmp_path)
    others = [threading.Thread(target=keep_on) for _ in range(2)]
    for each in others:
        each.start()
    try:
        for number in range(200):
            with transaction(db):
                db.execute("CREATE TABLE IF NOT EXISTS some(text TEXT)")
                db.execute("INSERT INTO some VALUES(?)", (f"{number:2000}",))
            wipe_log(db)
            assert path_of(tmp_path).with_name("jobs.sqlite-wal").stat().st_size == 0
    finally:
        stop.set()
        for each in others:
            each.join()
        db.close()
