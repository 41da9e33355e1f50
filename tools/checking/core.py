"""Checks of the C++ core: its tests here and on AArch64, its symbols, and clang-tidy."""

from __future__ import annotations

import concurrent.futures
import json
import os
import shlex
import shutil
import subprocess
from pathlib import Path

from checking.building import BUILD, build, configure, run_core_tests
from checking.running import PROCESSORS, Failed, environment, output_of, run
from checking.symbols import check_symbols

# As it is released: each file is compiled with the headers that it includes itself.
_RELEASED = {"WEIGHTGAUGE_PRECOMPILE": "OFF"}


def cpp() -> None:
    """The core builds without warnings and passes its tests."""
    tree = build("release", "core_tests", **_RELEASED)
    check_symbols(tree)
    run_core_tests(tree)


def tidy() -> None:
    """clang-tidy finds nothing in the core, which is what meets foreign bytes."""
    tree = configure("release", **_RELEASED)  # this writes the compile commands of all files
    commands = json.loads((tree / "compile_commands.json").read_text())
    files = [command["file"] for command in commands if "/cpp/core/" in command["file"]]
    # clang calls some headers of GCC's library deprecated, which this project cannot change.
    # It has none of OpenMP's own header.
    omp_h = output_of("g++", "-print-file-name=include")
    extra = ["-Wno-deprecated-declarations", f"-idirafter{omp_h}"]
    tidy_command = ["clang-tidy", "--quiet", "-p", str(tree)]
    tidy_command += [f"--extra-arg={word}" for word in extra]
    print("$", shlex.join(tidy_command), f"(each of {len(files)} files)", flush=True)

    def examine(path: str) -> tuple[int, str]:
        done = subprocess.run(
            [*tidy_command, path], env=environment(), capture_output=True, text=True, check=False
        )
        return done.returncode, done.stdout

    with concurrent.futures.ThreadPoolExecutor(PROCESSORS) as pool:
        found = list(pool.map(examine, files))
    for code, output in found:
        if code != 0:
            print(output, flush=True)
    if any(code != 0 for code, _ in found):
        raise Failed("clang-tidy has found something")


def aarch64() -> None:
    """The core builds for AArch64 and, where QEMU can run them, passes its tests there."""
    compiler, emulator = "aarch64-linux-gnu-g++", "qemu-aarch64"
    if shutil.which(compiler) is None:
        raise Failed(f"{compiler} is not installed: apt install g++-aarch64-linux-gnu qemu-user")
    tree = build(
        "aarch64",
        "core_tests",
        CMAKE_SYSTEM_NAME="Linux",
        CMAKE_SYSTEM_PROCESSOR="aarch64",
        CMAKE_CXX_COMPILER=compiler,
        CMAKE_CROSSCOMPILING_EMULATOR=f"{emulator};-L;/usr/aarch64-linux-gnu",
        WEIGHTGAUGE_PYTHON="OFF",
    )
    if shutil.which(emulator) is None:
        print(f"{emulator} is not installed: the tests are built, not run", flush=True)
        return
    # Plotting positions are checked against sums in quadruple precision, which AArch64 makes in
    # software. That takes minutes of emulation, and none of that code depends on the architecture.
    # QEMU itself fails when a process with threads forks.
    run_core_tests(tree, "--exclude-regex", "hazen|parallel")


def windows() -> None:
    """The core builds for Windows (needs MinGW-w64) and passes its tests there (needs Wine)."""
    compiler, emulator = "x86_64-w64-mingw32-g++-posix", "wine"
    if shutil.which(compiler) is None:
        print(f"{compiler} is not installed: nothing is built for Windows", flush=True)
        return
    tree = build(
        "windows",
        "core_tests",
        CMAKE_SYSTEM_NAME="Windows",
        CMAKE_SYSTEM_PROCESSOR="AMD64",
        CMAKE_CXX_COMPILER=compiler,
        CMAKE_CROSSCOMPILING_EMULATOR=emulator,
        CMAKE_EXE_LINKER_FLAGS="-static",
        WEIGHTGAUGE_PYTHON="OFF",
        doctest_DIR=str(doctest_alone()),
    )
    if shutil.which(emulator) is None:
        print(f"{emulator} is not installed: the tests are built, not run", flush=True)
        return
    os.environ |= {"WINEPREFIX": str(tree / "wine"), "WINEDEBUG": "-all"}
    run(["wine", "cmd", "/c", "echo", "Wine has started"])  # it makes itself at home, once
    run_core_tests(tree)


def doctest_alone() -> Path:
    """Return a folder where CMake finds doctest, without the headers of this system beside it."""
    place = BUILD / "doctest"
    place.mkdir(parents=True, exist_ok=True)
    headers = place / "include"
    headers.mkdir(exist_ok=True)
    if not (headers / "doctest").exists():
        (headers / "doctest").symlink_to("/usr/include/doctest")
    (place / "doctestConfig.cmake").write_text(
        "add_library(doctest::doctest INTERFACE IMPORTED)\n"
        f'target_include_directories(doctest::doctest INTERFACE "{headers}")\n'
    )
    return place
