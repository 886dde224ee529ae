"""Does the package build, hold what it must and nothing else, and is everything it asks for pinned?"""

from __future__ import annotations

import importlib.util
import re
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name

ROOT = Path(__file__).parent.parent
PYPROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))
REQUIREMENTS = ROOT / "requirements"


def run(*arguments: str) -> str:
    done = subprocess.run(arguments, cwd=ROOT, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> zipfile.ZipFile:
    if importlib.util.find_spec("hatchling") is None:
        pytest.skip("the build backend hatchling is not installed; `make setup` installs it")
    directory = tmp_path_factory.mktemp("dist")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(directory))
    (built,) = directory.glob("*.whl")
    return zipfile.ZipFile(built)


def metadata(wheel: zipfile.ZipFile) -> str:
    (name,) = (name for name in wheel.namelist() if name.endswith(".dist-info/METADATA"))
    return wheel.read(name).decode("utf-8")


def version_of(wheel: zipfile.ZipFile) -> str:
    match = re.search(r"^Version: (.+)$", metadata(wheel), re.MULTILINE)
    assert match
    return match[1]


def test_wheel_holds_the_package_with_its_types_and_nothing_else(wheel: zipfile.ZipFile) -> None:
    tops = {name.split("/", 1)[0] for name in wheel.namelist()}
    assert tops == {"ion_summary", f"ion_summary-{version_of(wheel)}.dist-info"}
    assert "ion_summary/py.typed" in wheel.namelist()


def test_wheel_holds_every_module(wheel: zipfile.ZipFile) -> None:
    modules = {path.relative_to(ROOT).as_posix() for path in (ROOT / "ion_summary").rglob("*.py")}
    assert modules <= set(wheel.namelist())


def test_version_is_written_in_one_place(wheel: zipfile.ZipFile) -> None:
    literal = f'"{version_of(wheel)}"'
    files = [ROOT / "pyproject.toml", *(ROOT / "ion_summary").rglob("*.py")]
    assert sum(path.read_text("utf-8").count(literal) for path in files) == 1


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_both_entry_points_say_the_version(wheel: zipfile.ZipFile, option: str) -> None:
    assert "ion-summary = ion_summary.__main__:main" in wheel.read(
        f"ion_summary-{version_of(wheel)}.dist-info/entry_points.txt"
    ).decode("utf-8")
    from_module = run(sys.executable, "-m", "ion_summary", option)
    assert version_of(wheel) in from_module
    script = Path(sys.executable).parent / "ion-summary"
    if not script.exists():
        pytest.skip("the package is not installed in this environment; `make setup` installs it")
    assert run(str(script), option) == from_module


def pinned(name: str) -> dict[str, str]:
    """Package to version, as one lock file pins them."""
    text = (REQUIREMENTS / name).read_text("utf-8")
    pins = re.findall(r"^([\w.-]+)==([^\s;\\]+)", text, re.M)
    return {canonicalize_name(package): version for package, version in pins}


GROUPS = PYPROJECT["dependency-groups"]
BASE = [*PYPROJECT["project"]["dependencies"], *PYPROJECT["build-system"]["requires"]]


@pytest.mark.parametrize(
    ("lock", "wanted"),
    [
        ("base.txt", BASE),
        ("dev.txt", BASE + GROUPS["dev"]),
        ("bench.txt", BASE + GROUPS["dev"] + GROUPS["bench"]),
    ],
)
def test_lock_satisfies_pyproject(lock: str, wanted: list[str]) -> None:
    versions = pinned(lock)
    for requirement in map(Requirement, wanted):
        assert versions[canonicalize_name(requirement.name)] in requirement.specifier, requirement


def test_locks_agree_and_pin_every_file() -> None:
    base, dev, bench = (pinned(name) for name in ("base.txt", "dev.txt", "bench.txt"))
    assert base.items() <= dev.items() <= bench.items()
    for name in ("base.txt", "dev.txt", "bench.txt"):
        text = (REQUIREMENTS / name).read_text("utf-8")
        assert "://" not in text
        blocks = re.split(r"^(?=[\w.-]+==)", text, flags=re.M)[1:]
        assert len(blocks) >= len(pinned(name)) > 0
        assert all("--hash=sha256:" in block for block in blocks)
