"""A backup or a restore that is killed, or refused by the disk, at any system call."""

from __future__ import annotations

import re
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.faults.archiving import SCENES, Scene
from tests.faults.test_errors import HOW, changing, check_message
from tests.faults.test_kill import KILLED, SOME, share_of, some_of
from tests.faults.tracing import Point, killed_at, points, refused_at, require, trace


@pytest.fixture(params=SCENES)
def scene(request: pytest.FixtureRequest, in_memory: Path) -> Scene:
    require()
    return SCENES[request.param](in_memory)


_SEEN: dict[str, list[Point]] = {}


def all_points(scene: Scene) -> list[Point]:
    """The calls of an unharmed run, which are the same ones for every scene of the name."""
    if scene.name not in _SEEN:
        scene.reset()
        found, ended = points(scene.command, scene.run, scene.place / "log")
        scene.after(ended)
        found = [point for point in found if "<pipe:" not in point.what]  # what it prints names the store too
        assert len(found) > 20
        _SEEN[scene.name] = found
    return _SEEN[scene.name]


def swept(scene: Scene, chosen: Sequence[Point], how: str) -> Counter[int]:
    """Has the command end at each of the calls; how often it ended with which status."""
    statuses: Counter[int] = Counter()
    problems = []
    for point in chosen:
        scene.reset()
        for_ever = how in HOW and HOW[how][1]
        ended = killed_at(scene.command, point) if how == "KILL" else refused_at(scene.command, point, *HOW[how])
        statuses[ended.status] += 1
        try:
            if how == "KILL":
                assert ended.status in (KILLED, 0), ended
            elif ended.status != 0:
                check_message(ended, may_be_silent=for_ever and point.call == "write")
            scene.after(ended)
        except Exception as problem:  # noqa: BLE001 - all of them are to be seen, not the first
            problems.append(f"{how} at {point.call} {point.number}: {point.what}\n{type(problem).__name__}: {problem}")
    assert not problems, f"{len(problems)} of {len(chosen)}:\n\n" + "\n\n".join(problems[:20])
    return statuses


def test_killed_at_some_calls(scene: Scene) -> None:
    assert swept(scene, some_of(all_points(scene), SOME), "KILL")[KILLED]


@pytest.mark.parametrize("how", ["EIO once", "ENOSPC for ever"])
def test_refused_at_some_calls(scene: Scene, how: str) -> None:
    assert swept(scene, some_of(changing(all_points(scene), HOW[how][1]), SOME), how)[14]


# -- what is synced before what ---------------------------------------------------------------------------------------


def unsynced(calls: Sequence[tuple[str, str]], place: Path) -> list[str]:
    """What of a backup or a restore a power cut could take though it has its name already."""
    problems, dirty, named = [], set[str](), ""
    for name, rest in calls:
        path = rest[rest.find("<") + 1 : rest.find(">")]
        if name == "write" and str(place) in path and "(deleted)" not in rest:
            dirty.add(path)
        elif name in ("fsync", "fdatasync"):
            dirty.discard(path)
            named = "" if path == named else named
        elif name == "syncfs":
            dirty.clear()
        elif name == "unlink" and named and re.search(r'ion-summary-[^/]*"', rest):
            problems.append(f"the names in {named} are not synced before an older archive is removed")
            named = ""
        elif name.startswith("rename") and re.search(r"ion-summary-\d|restoring-", rest):
            old, new = re.findall(r'"([^"]*)"', rest)[:2]
            problems += [f"{each} is named before it is synced" for each in dirty if each.startswith(old)]
            named = str(Path(new).parent)
    return problems + ([f"the names in {named} are not synced"] if named else [])


# Runs the command line without one kind of sync.
UNSYNCED = """
import os, sys
from ion_summary.store import files
from ion_summary.store.archives import restoring
which = sys.argv.pop(1)
if which == "files":
    os.fsync, real = (lambda descriptor: None), os.fsync
    files.sync_directory = lambda path: real(os.open(path, os.O_RDONLY))
    restoring.sync_tree = lambda root: None
elif which == "names":
    files.sync_directory = lambda path: None
from ion_summary.__main__ import main
sys.exit(main())
"""


@pytest.mark.parametrize("name", ["backing_up", "replacing", "restoring"])
def test_what_has_its_name_is_synced(name: str, in_memory: Path) -> None:
    require()
    scene = SCENES[name](in_memory)
    scene.reset()
    assert unsynced(trace(scene.command, in_memory / "log")[0], scene.run) == []
    for which, problem in (("files", "before it is synced"), ("names", "names in")):
        scene.reset()
        command = [sys.executable, "-c", UNSYNCED, which, *scene.command[3:]]
        found = unsynced(trace(command, in_memory / "log")[0], scene.run)
        assert any(problem in each for each in found), (which, found)


@pytest.mark.sweep
def test_killed_at_every_call(scene: Scene, figure: Callable[[str], None]) -> None:
    found = share_of(all_points(scene))
    statuses = swept(scene, found, "KILL")
    figure(f"{scene.name}: killed {statuses[KILLED]} times, 0 lost, 0 half, 0 next runs blocked")


@pytest.mark.sweep
@pytest.mark.parametrize("how", HOW)
def test_refused_at_every_call(scene: Scene, how: str, figure: Callable[[str], None]) -> None:
    found = share_of(changing(all_points(scene), HOW[how][1]))
    statuses = swept(scene, found, how)
    ends = ", ".join(f"{count} with status {status}" for status, count in sorted(statuses.items()))
    figure(f"{scene.name}: {how} at each of {len(found)} calls ({ends}), old data untouched, the next run completes")
