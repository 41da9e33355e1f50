"""Builds for systems whose compilers are not here, by the C++ compiler of Zig, which has them all.

`pip install ziglang` brings it: Clang, with the headers and the C++ library of each system.
"""

from __future__ import annotations

import importlib.util
import os
import stat
import sys

from checking.building import BUILD, build, run_core_tests
from checking.core import doctest_alone


def macos() -> None:
    """The core and its tests build for macOS, on both processors (needs ziglang)."""
    for target, processor in (("aarch64-macos", "arm64"), ("x86_64-macos", "x86_64")):
        _build(target, CMAKE_SYSTEM_NAME="Darwin", CMAKE_SYSTEM_PROCESSOR=processor)


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
        CMAKE_CXX_COMPILER=_compiler(target),
        CMAKE_INSTALL_NAME_TOOL="true",  # of macOS, where nothing is installed
        WEIGHTGAUGE_PRECOMPILE="OFF",
        WEIGHTGAUGE_PYTHON="OFF",
        WEIGHTGAUGE_WERROR="OFF",  # this Clang is newer than the macros of doctest
        doctest_DIR=str(doctest_alone()),
        **options,
    )
    if options["CMAKE_SYSTEM_NAME"] == "Linux":
        run_core_tests(tree)


def _compiler(target: str) -> str:
    """Make a command that compiles for this target; return its path."""
    os.environ.setdefault("ZIG_GLOBAL_CACHE_DIR", str(BUILD / "zig"))
    os.environ.setdefault("ZIG_LOCAL_CACHE_DIR", str(BUILD / "zig"))
    command = BUILD / f"zig-{target}"
    BUILD.mkdir(parents=True, exist_ok=True)
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ziglang c++ -target {target} "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return str(command)
