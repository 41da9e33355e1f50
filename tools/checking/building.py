"""Build the core with the options of each check, and run its tests."""

from __future__ import annotations

import sys
from pathlib import Path

from checking.running import PROCESSORS, ROOT, output_of, run

BUILD = ROOT / "build" / "check"


def configure(name: str, **options: str) -> Path:
    """Configure a build tree of this name, in which warnings are errors."""
    tree = BUILD / name
    pybind11 = output_of(sys.executable, "-m", "pybind11", "--cmakedir")
    settings = {
        "CMAKE_BUILD_TYPE": "Release",
        "Python_EXECUTABLE": sys.executable,
        "pybind11_DIR": pybind11,
        "SKBUILD_PROJECT_VERSION": "0",
        "WEIGHTGAUGE_PRECOMPILE": "ON",
        "WEIGHTGAUGE_TESTS": "ON",
        "WEIGHTGAUGE_WERROR": "ON",
    } | options
    definitions = [f"-D{key}={value}" for key, value in settings.items()]
    run(["cmake", "-S", ROOT, "-B", tree, "-G", "Ninja", *definitions], quiet=True)
    return tree


def build(name: str, *targets: str, **options: str) -> Path:
    """Configure and build a build tree of this name; warnings are errors."""
    tree = configure(name, **options)
    run(["cmake", "--build", tree, "-j", str(PROCESSORS), "--target", *targets], quiet=True)
    return tree


def run_core_tests(tree: Path, *options: str) -> None:
    """Run the C++ tests of a tree, suites side by side."""
    settings = ["--output-on-failure", "--no-tests=error", "--parallel", str(PROCESSORS)]
    run(["ctest", "--test-dir", tree, *settings, *options])
