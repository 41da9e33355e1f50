"""Builds for systems whose compilers are not here, by the C++ compiler of Zig, which has them all.

`pip install ziglang` brings it: Clang, with the headers and the C++ library of each system.
"""

from __future__ import annotations

import importlib.util
import os
import stat
import sys
import sysconfig
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from checking.building import BUILD, build, run_core_tests
from checking.core import doctest_alone
from checking.running import PROCESSORS, ROOT, run


def macos() -> None:
    """The core, its tests and the bindings build for macOS, on both processors (needs ziglang)."""
    for target, processor in (("aarch64-macos", "arm64"), ("x86_64-macos", "x86_64")):
        _build(target, CMAKE_SYSTEM_NAME="Darwin", CMAKE_SYSTEM_PROCESSOR=processor)
    _compile_bindings("aarch64-macos")


def musl() -> None:
    """The core builds against musl, as on Alpine Linux, and passes its tests (needs ziglang)."""
    _build("x86_64-linux-musl", CMAKE_SYSTEM_NAME="Linux", CMAKE_SYSTEM_PROCESSOR="x86_64")


def _build(target: str, **options: str) -> None:
    if importlib.util.find_spec("ziglang") is None:
        print(f"ziglang is not installed: nothing is built for {target}", flush=True)
        return
    tree = build(
        target,
        "core_tests",
        CMAKE_CXX_COMPILER=_tool(f"c++ -target {target}"),
        CMAKE_AR=_tool("ar"),
        CMAKE_RANLIB=_tool("ranlib"),
        CMAKE_INSTALL_NAME_TOOL="true",  # of macOS, where nothing is installed
        WEIGHTGAUGE_PRECOMPILE="OFF",
        WEIGHTGAUGE_PYTHON="OFF",
        WEIGHTGAUGE_WERROR="OFF",  # this Clang is newer than the macros of doctest
        doctest_DIR=str(doctest_alone()),
        **options,
    )
    if options["CMAKE_SYSTEM_NAME"] == "Linux":
        run_core_tests(tree)


def _compile_bindings(target: str) -> None:
    """Compile the bindings, with the headers of this Python: its numbers are as wide on Linux."""
    if importlib.util.find_spec("ziglang") is None:
        return
    import pybind11

    tree = BUILD / target / "bindings"
    tree.mkdir(parents=True, exist_ok=True)
    included = [f"-I{ROOT / 'cpp'}"]
    for folder in (pybind11.get_include(), sysconfig.get_paths()["include"]):
        included += ["-isystem", folder]
    options = ["-std=c++17", "-O0", "-Wall", "-Wextra", "-Werror", '-DWEIGHTGAUGE_VERSION="0"']
    compiler = _tool(f"c++ -target {target}")

    def compiled(source: Path) -> None:
        to = tree / f"{source.stem}.o"
        run([compiler, *options, *included, "-c", source, "-o", to], quiet=True)

    with ThreadPoolExecutor(PROCESSORS) as pool:
        list(pool.map(compiled, sorted((ROOT / "cpp" / "bindings").glob("*.cpp"))))


def _tool(words: str) -> str:
    """Make a command of one of Zig's tools; return its path."""
    for cache in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        os.environ.setdefault(cache, str(BUILD / "zig"))
    BUILD.mkdir(parents=True, exist_ok=True)
    command = BUILD / f"zig-{words.replace(' ', '')}"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ziglang {words} "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return str(command)
