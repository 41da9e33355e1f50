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


def _tool(words: str) -> str:
    """Make a command of one of Zig's tools; return its path."""
    for cache in ("ZIG_GLOBAL_CACHE_DIR", "ZIG_LOCAL_CACHE_DIR"):
        os.environ.setdefault(cache, str(BUILD / "zig"))
    BUILD.mkdir(parents=True, exist_ok=True)
    command = BUILD / f"zig-{words.replace(' ', '')}"
    command.write_text(f'#!/bin/sh\nexec {sys.executable} -m ziglang {words} "$@"\n')
    command.chmod(command.stat().st_mode | stat.S_IXUSR)
    return str(command)
