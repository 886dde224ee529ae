"""A backup or a restore that is killed, or refused by the disk, at any system call."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.faults.archiving import SCENES, Scene
from tests.faults.test_errors import HOW, changing, check_message
from tests.faults.test_kill import KILLED, some_of
from tests.faults.tracing import Point, killed_at, points, refused_at, require

#: Of the least archive of a test: how many calls are taken in the short form.
SOME = 10


@pytest.fixture(params=SCENES)
def scene(request: pytest.FixtureRequest, in_memory: Path) -> Scene:
    require()
    return SCENES[request.param](in_memory)


def all_points(scene: Scene) -> list[Point]:
    scene.reset()
    found, ended = points(scene.command, scene.run, scene.place / "log")
    scene.after(ended)
    found = [point for point in found if "<pipe:" not in point.what]  # what it prints names the store too
    assert len(found) > 20
    return found


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
    assert swept(scene, some_of(changing(all_points(scene), HOW[how][1]), 5), how)[14]


@pytest.mark.sweep
def test_killed_at_every_call(scene: Scene, figure: Callable[[str], None]) -> None:
    found = all_points(scene)
    statuses = swept(scene, found, "KILL")
    figure(f"{scene.name}: killed {statuses[KILLED]} times, 0 lost, 0 half, 0 next runs blocked")


@pytest.mark.sweep
@pytest.mark.parametrize("how", HOW)
def test_refused_at_every_call(scene: Scene, how: str, figure: Callable[[str], None]) -> None:
    found = changing(all_points(scene), HOW[how][1])
    statuses = swept(scene, found, how)
    ends = ", ".join(f"{count} with status {status}" for status, count in sorted(statuses.items()))
    figure(f"{scene.name}: {how} at each of {len(found)} calls ({ends}), old data untouched, the next run completes")
