"""The queue's log is emptied also while others bring it into the database."""

from __future__ import annotations

import threading
from pathlib import Path

from ion_summary.jobs.database import checkpoint, open_database, path_of, transaction, wipe_log


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
