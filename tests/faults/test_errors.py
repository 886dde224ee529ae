"""The disk refuses one system call, or all from then on: one line of error, and nothing stored before is touched."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from pathlib import Path

import pytest

from tests.faults import maintenance, scenes
from tests.faults.scenes import Scene
from tests.faults.test_kill import SOME, all_points, share_of, some_of
from tests.faults.tracing import Ended, Point, refused_at, require

SCENES = scenes.SCENES | maintenance.SCENES
#: Not writable, corrupt: what a refused read or write of the store may be told as.
HONEST = (12, 14)
HOW = {"EIO once": ("EIO", False), "ENOSPC once": ("ENOSPC", False), "ENOSPC for ever": ("ENOSPC", True)}


@pytest.fixture(
    params=[
        pytest.param("fresh", marks=pytest.mark.sweep),
        "growing",
        "reindexing",
        "pruning",
        "forgetting",
        pytest.param("repairing", marks=pytest.mark.sweep),
        "compacting",
    ]
)
def scene(request: pytest.FixtureRequest, in_memory: Path) -> Scene:
    require()
    return SCENES[request.param](in_memory)


def changing(found: Sequence[Point], for_ever: bool) -> list[Point]:
    """The calls that change something. A full disk refuses to make files, but not to open them."""
    return [
        point
        for point in found
        if point.call != "openat" or (("O_WRONLY" in point.what or "O_RDWR" in point.what) and not for_ever)
    ]


def check_message(ended: Ended, may_be_silent: bool) -> None:
    assert ended.status in HONEST, ended
    if may_be_silent and not ended.stderr:
        return
    lines = ended.stderr.splitlines()
    assert len(lines) == 2, ended
    assert lines[0].startswith("error: ")
    assert lines[1].startswith("hint: ")


def sweep(scene: Scene, chosen: Sequence[Point], how: str) -> Counter[int]:
    """Has each of the calls refused; how often the command ended with which status."""
    error, for_ever = HOW[how]
    statuses: Counter[int] = Counter()
    problems = []
    for point in chosen:
        scene.reset()
        ended = refused_at(scene.command, point, error, for_ever)
        statuses[ended.status] += 1
        try:
            if ended.status != 0:
                # If it can write no more, it cannot write why either.
                check_message(ended, may_be_silent=for_ever and point.call == "write")
            else:
                scene.complete()
            scene.after(ended)
        except Exception as problem:  # noqa: BLE001 - all of them are to be seen, not the first
            problems.append(f"{how} at {point.call} {point.number}: {point.what}\n{type(problem).__name__}: {problem}")
    assert not problems, f"{len(problems)} of {len(chosen)}:\n\n" + "\n\n".join(problems[:20])
    return statuses


@pytest.mark.parametrize("how", ["EIO once", "ENOSPC for ever"])
def test_refused_at_some_calls(scene: Scene, how: str) -> None:
    statuses = sweep(scene, some_of(changing(all_points(scene), HOW[how][1]), SOME), how)
    assert statuses[14]


@pytest.mark.sweep
@pytest.mark.parametrize("how", HOW)
def test_refused_at_every_call(scene: Scene, how: str, figure: Callable[[str], None]) -> None:
    found = share_of(changing(all_points(scene), HOW[how][1]))
    statuses = sweep(scene, found, how)
    ends = ", ".join(f"{count} with status {status}" for status, count in sorted(statuses.items()))
    figure(f"{scene.name}: {how} at each of {len(found)} calls ({ends}), old data untouched, the next run completes")
