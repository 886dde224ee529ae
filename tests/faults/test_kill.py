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
SCENES = scenes.SCENES | maintenance.SCENES


@pytest.fixture(params=SCENES)
def scene(request: pytest.FixtureRequest, in_memory: Path) -> Scene:
    require()
    return SCENES[request.param](in_memory)


#: The sweeps try one in so many of the calls, others each day: all of them take hours.
SHARE = int(os.environ.get("FAULTS_SHARE", "1"))


def share_of(found: Sequence[Point]) -> Sequence[Point]:
    """The calls whose turn it is today."""
    return found[date.today().toordinal() % SHARE :: SHARE]


def some_of(found: Sequence[Point], count: int) -> list[Point]:
    """Of each kind of call and file evenly many: one in the middle, or the first, the last and some between them."""
    groups: dict[tuple[str, bool], list[Point]] = {}
    for point in found:
        groups.setdefault((point.call, ".jsonl" in point.what), []).append(point)
    share = max(1, count // len(groups))
    chosen = []
    for group in groups.values():
        if share == 1:
            chosen.append(group[len(group) // 2])
        else:
            last, steps = len(group) - 1, min(share, len(group)) - 1
            chosen += [group[round(last * step / max(1, steps))] for step in range(steps + 1)]
    return chosen


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


def all_points(scene: Scene) -> list[Point]:
    scene.reset()
    found, ended = points(scene.command, scene.store, scene.place / "log")
    scene.after(ended)
    return found


def test_killed_at_some_calls(scene: Scene) -> None:
    chosen = some_of(all_points(scene), 6)
    assert sweep(scene, chosen) >= len(chosen) * 0.9


@pytest.mark.sweep
def test_killed_at_every_call(scene: Scene, figure: Callable[[str], None]) -> None:
    found = share_of(all_points(scene))
    killed = sweep(scene, found)
    kinds = ", ".join(f"{count} {call}" for call, count in Counter(point.call for point in found).items())
    figure(f"{scene.name}: killed at {killed} of {len(found)} calls ({kinds}), 0 lost, 0 twice, 0 next runs blocked")
    assert killed >= len(found) * 0.95
