"""What is published: the archive of sources, and the wheel that is built from it."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from functools import lru_cache
from pathlib import Path

from checking.running import ROOT, Failed, environment, run

MOST_BYTES = 3_000_000
"""Of a wheel without the two checkpoints of the demo."""

_SMOKE = ("tests/oracle.py", "tests/test_smoke.py")
_EXPECTED = {
    *("LICENSE", "LICENSES/libgomp.txt", "LICENSES/pybind11.txt", "README.md", "CMakeLists.txt"),
    *("PKG-INFO", "pyproject.toml", "cpp/core/CMakeLists.txt", "cpp/bindings/exports.map"),
    "cpp/bindings/sbom.cdx.json.in",
    *("python/weightgauge/py.typed", "python/weightgauge/demo/step-0/model.safetensors", *_SMOKE),
}
_LEFT_OUT = ("bench/", "build/", "cpp/tests/", "tools/", ".ci/", ".github/", ".git/")
_COMPILERS = ("cc", "c++", "gcc", "g++", "clang", "clang++", "cmake", "ninja", "make")
# 2 August 2023: any moment will do, as long as it is always the same.
_SETTINGS = {"SOURCE_DATE_EPOCH": "1690934400", "PIP_QUIET": "1"}
_NO_CACHE = {"CMAKE_CXX_COMPILER_LAUNCHER": ""}


def sdist() -> None:
    """The archive of sources has what is built, little else, and says what it lacks to build it."""
    with tempfile.TemporaryDirectory() as folder:
        check_sdist(make_sdist(Path(folder)))
        check_refusal(Path(folder))


def wheel() -> None:
    """A wheel from the archive of sources is small, and works where there is no compiler."""
    _, path = _first()
    check_contents(path)
    with tempfile.TemporaryDirectory() as folder:
        use_without_compiler(path, Path(folder))


def reproducible() -> None:
    """Another build of the wheel, elsewhere and all compiled anew, is the same file."""
    sources, first = _first()
    with tempfile.TemporaryDirectory() as folder:
        compare(first, _repaired(_built(sources, Path(folder) / "another", **_NO_CACHE)))
    print(f"{first.name}: {first.stat().st_size:,} bytes, sha256 {digest_of(first)}", flush=True)


_KEPT: list[tempfile.TemporaryDirectory[str]] = []  # until the program ends


@lru_cache(maxsize=1)
def _first() -> tuple[Path, Path]:
    """Return the archive of sources and the wheel that is built from it, both made once."""
    _KEPT.append(tempfile.TemporaryDirectory())
    place = Path(_KEPT[-1].name)
    sources = make_sdist(place)
    check_sdist(sources)
    return sources, _repaired(_built(sources, place / "one"))


def make_sdist(place: Path) -> Path:
    """Make the archive of sources of this checkout in a clean environment; return where it is."""
    run([sys.executable, "-m", "build", "--sdist", "--outdir", place, ROOT], _SETTINGS, quiet=True)
    return next(place.glob("*.tar.gz"))


def check_sdist(path: Path) -> None:
    """Fail if something is missing in an archive of sources, or there that should not be."""
    with tarfile.open(path) as archive:
        names = {member.name.partition("/")[2] for member in archive if member.isfile()}
    if missing := sorted(_EXPECTED - names):
        raise Failed(f"{path.name} lacks {', '.join(missing)}")
    tests = {name for name in names if name.startswith("tests/")} - set(_SMOKE)
    if beside := sorted(tests | {name for name in names if name.startswith(_LEFT_OUT)}):
        raise Failed(f"{path.name} has {len(beside)} files too many, one of them {beside[0]}")


def check_refusal(place: Path) -> None:
    """Fail unless a build without a compiler ends with one line that says what to do."""
    command = ["cmake", "-S", str(ROOT), "-B", str(place / "none"), "-G", "Ninja"]
    settings = environment() | {"CXX": str(place / "no-such-compiler")}
    done = subprocess.run(command, env=settings, capture_output=True, text=True, check=False)
    told = [line for line in done.stderr.splitlines() if line.startswith("weightgauge cannot be")]
    if done.returncode == 0 or len(told) != 1 or "there is no C++ compiler" not in told[0]:
        raise Failed(f"a build without a compiler says:\n{done.stdout}{done.stderr}")


def _built(sources: Path, place: Path, **more: str) -> Path:
    """Build a wheel from the sources in a folder of this name, in a clean environment."""
    place.mkdir()
    with tarfile.open(sources) as archive:
        archive.extractall(place, filter="data")
    unpacked = next(place.iterdir())
    built = place / "built"
    # Nothing of where and when it is built may be found in it.
    settings = {"TMPDIR": str(place), "TZ": "Asia/Tokyo" if place.name == "another" else "UTC"}
    command = [sys.executable, "-m", "build", "--wheel", "--outdir", str(built), str(unpacked)]
    run(command, _SETTINGS | settings | more, quiet=True)
    return next(built.glob("*.whl"))


def _repaired(built: Path) -> Path:
    """Bring in, as for publishing, the libraries that not every Linux has."""
    if sys.platform != "linux":
        return built
    place = built.parent / "repaired"
    run(
        [sys.executable, "-m", "auditwheel", "repair", "--wheel-dir", place, built],
        _SETTINGS,
        quiet=True,
    )
    return next(place.glob("*.whl"))


def digest_of(path: Path) -> str:
    """Return the SHA-256 of a file."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def compare(first: Path, second: Path) -> None:
    """Fail unless two wheels are the same, and say which of their files differ."""
    if digest_of(first) == digest_of(second):
        return
    with zipfile.ZipFile(first) as one, zipfile.ZipFile(second) as other:
        names = sorted(set(one.namelist()) ^ set(other.namelist()))
        for name in sorted(set(one.namelist()) & set(other.namelist())):
            if one.read(name) != other.read(name):
                names.append(name)
        if one.namelist() != other.namelist():
            names.append("the order of the files")
    raise Failed(f"two builds differ: {', '.join(names) or 'in what is said of the files'}")


def check_contents(path: Path) -> None:
    """Fail if a wheel is too large, or does not say what is in it and under which licence."""
    with zipfile.ZipFile(path) as archive:
        sizes = {each.filename: each.compress_size for each in archive.infolist()}
        licences = {name.partition("/licenses/")[2] for name in sizes}
        told = "\n".join(
            archive.read(name).decode() for name in sizes if name.endswith("LICENSES/README.md")
        )
        bills = [json.loads(archive.read(name)) for name in sizes if name.endswith(".cdx.json")]
    inside = [part["name"] for bill in bills for part in bill["components"]]
    if "pybind11" not in inside:
        raise Failed(f"{path.name} has no bill of materials of the extension")
    if not {"LICENSE", "LICENSES/README.md", "LICENSES/libgomp.txt"} <= licences:
        raise Failed(f"{path.name} has no licences of what is in it")
    for name in sizes:
        library = name.rpartition("/")[2].partition("-")[0]
        if ".libs/" in name and library and library not in told:
            raise Failed(f"{path.name} brings {library}, of which LICENSES/README.md says nothing")
        if ".libs/" in name and library and not any(library in part for part in inside):
            raise Failed(f"{path.name} brings {library}, which is in no bill of materials")
    size = sum(size for name, size in sizes.items() if not name.startswith("weightgauge/demo/"))
    print(f"without the demo: {size:,} bytes", flush=True)
    if size > MOST_BYTES:
        raise Failed(f"{path.name} has {size:,} bytes without the demo, more than {MOST_BYTES:,}")


def use_without_compiler(path: Path, place: Path) -> None:
    """Install a wheel where nothing can be compiled; run the demo and the smoke tests there."""
    installed = place / "installed"
    run([sys.executable, "-m", "venv", installed], quiet=True)
    tools = installed / ("Scripts" if os.name == "nt" else "bin")
    bare = {name: value for name, value in environment().items() if name != "PYTHONPATH"}
    bare |= {"PATH": str(tools), "PIP_QUIET": "1"}
    if found := [name for name in _COMPILERS if shutil.which(name, path=bare["PATH"])]:
        raise Failed(f"{', '.join(found)} should not be found here")
    (place / "tests").mkdir()
    for name in _SMOKE:
        shutil.copy(ROOT / name, place / name)
    python = str(tools / "python")
    for command in (
        [python, "-m", "pip", "install", "--only-binary", ":all:", str(path), "pytest"],
        [str(tools / "weightgauge"), "demo"],
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "tests/test_smoke.py"],
    ):
        print("$", *command, flush=True)
        if subprocess.run(command, cwd=place, env=bare, check=False).returncode != 0:
            raise Failed(f"{Path(command[0]).name} {command[1]} fails where there is no compiler")
