"""Killed at any system call that touches the store: is the next run all that is needed?"""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import date
from pathlib import Path

import pytest

from tests.faults import maintenance, scenes
from tests.faults.scenes import Scene
from tests.faults.tracing import Point, killed_at, points, require

KILLED = -9
SCENES = scenes.SCENES | scenes.SLOW_SCENES | maintenance.SCENES


@pytest.fixture(
    params=[pytest.param(name, marks=[pytest.mark.sweep] if name in scenes.SLOW_SCENES else []) for name in SCENES]
)
def scene(request: pytest.FixtureRequest, in_memory: Path) -> Scene:
    require()
    return SCENES[request.param](in_memory)


#: Calls that the short form takes.
SOME = 4
#: The sweeps try one in so many of the calls, others each day: all of them take hours.
SHARE = int(os.environ.get("FAULTS_SHARE", "1"))
#: The day whose turn it is: FAULTS_DAY repeats what was chosen on another one.
DAY = int(os.environ.get("FAULTS_DAY", date.today().toordinal()))


def share_of(found: Sequence[Point]) -> Sequence[Point]:
    """The calls whose turn it is today."""
    return found[DAY % SHARE :: SHARE]


def some_of(found: Sequence[Point], count: int) -> list[Point]:
    """So many calls: the write in the middle and, of the other kinds of call and file, those whose turn it is today."""
    groups: dict[tuple[str, bool], list[Point]] = {}
    for point in found:
        groups.setdefault((point.call, ".jsonl" in point.what), []).append(point)
    writes = groups.pop(("write", True), []) or groups.pop(("write", False), []) or [found[0]]
    others = list(groups.values())
    turns = range(DAY * (count - 1), DAY * (count - 1) + min(count - 1, len(others)))
    kinds = [others[turn % len(others)] for turn in turns]
    return [writes[len(writes) // 2], *(kind[DAY % len(kind)] for kind in kinds)]


def sweep(scene: Scene, chosen: Sequence[Point]) -> int:
    """Kills the command at each point; how many times it really was killed."""
    killed = 0
    for point in chosen:
        scene.reset()
        ended = killed_at(scene.command, point)
        assert ended.status in (KILLED, 0), (point, ended)
        killed += ended.status == KILLED
        try:
            scene.after(ended)
        except Exception as error:
            raise AssertionError(f"killed at {point.call} {point.number}: {point.what}") from error
    return killed


_SEEN: dict[str, list[Point]] = {}


def all_points(scene: Scene) -> list[Point]:
    """The calls of an unharmed run, which are the same ones for every scene of the name."""
    if scene.name not in _SEEN:
        scene.reset()
        _SEEN[scene.name], ended = points(scene.command, scene.store, scene.place / "log")
        scene.after(ended)
    return _SEEN[scene.name]


def test_killed_at_some_calls(scene: Scene) -> None:
    chosen = some_of(all_points(scene), SOME)
    assert sweep(scene, chosen) >= len(chosen) - 1


@pytest.mark.sweep
def test_killed_at_every_call(scene: Scene, figure: Callable[[str], None]) -> None:
    found = share_of(all_points(scene))
    killed = sweep(scene, found)
    kinds = ", ".join(f"{count} {call}" for call, count in Counter(point.call for point in found).items())
    figure(f"{scene.name}: killed at {killed} of {len(found)} calls ({kinds}), 0 lost, 0 twice, 0 next runs blocked")
    assert killed >= len(found) * 0.95
