"""Run tests under sanitizers for addresses, undefined behaviour and races between threads."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

from checking.building import build, run_core_tests
from checking.running import PROCESSORS, ROOT, output_of, run

# These tests reach every part of the extension and are quick enough under a sanitizer. Other tests
# limit address space or time, which a sanitizer does not fit into.
SANITIZED_TESTS = [
    "test_arrays.py",
    "test_bins.py",
    "test_feed.py",
    "test_file_views.py",
    "test_formats.py",
    "test_histogram.py",
    "test_kernels.py",
    "test_live_models.py",
    "test_lora.py",
    "test_mlx.py",
    "test_mxfp4.py",
    "test_nvfp4.py",
    "test_scaled_codes.py",
    "test_statuses.py",
]

# Compiling takes longer than the tests do: with -O1 half as long again, most of it for the loops of
# each instruction set, and the tests then end a seventh sooner.
_QUICK_TO_BUILD = "-Og -g1"


def sanitized_package(tree: Path) -> Path:
    """Copy the Python package and a sanitized extension; return the folder to put on the path."""
    place = tree / "site"
    shutil.rmtree(place, ignore_errors=True)
    ignored = shutil.ignore_patterns("*.so", "__pycache__")
    shutil.copytree(ROOT / "python" / "weightgauge", place / "weightgauge", ignore=ignored)
    for library in (tree / "cpp" / "bindings").glob("_core*.so"):
        shutil.copy(library, place / "weightgauge")
    # The package asks for its own version, which only an installation has.
    metadata = place / "weightgauge-0.dist-info" / "METADATA"
    metadata.parent.mkdir()
    metadata.write_text("Metadata-Version: 2.1\nName: weightgauge\nVersion: 0\n")
    # An editable installation would be found before any path, so its finders are removed.
    (place / "sitecustomize.py").write_text(
        "import sys\n"
        "sys.meta_path[:] = [f for f in sys.meta_path if 'Editable' not in type(f).__name__\n"
        "                    and 'ScikitBuild' not in type(f).__name__]\n"
    )
    return place


def sanitizers() -> None:
    """C++ and Python tests run clean under the address and undefined-behaviour sanitizers."""
    tree = build(
        "sanitizers",
        "core_tests",
        "_core",
        CMAKE_BUILD_TYPE="None",
        CMAKE_CXX_FLAGS=_QUICK_TO_BUILD,
        WEIGHTGAUGE_SANITIZE="address,undefined",
    )
    run_core_tests(tree)
    place = sanitized_package(tree)
    settings = {
        # The C++ library must be loaded too, or the sanitizer finds no `throw` to wrap.
        "LD_PRELOAD": " ".join(
            output_of("gcc", f"-print-file-name={library}")
            for library in ("libasan.so", "libstdc++.so.6")
        ),
        "PYTHONPATH": str(place),
        # Python itself does not free all of its memory.
        "ASAN_OPTIONS": "detect_leaks=0",
        "UBSAN_OPTIONS": "print_stacktrace=1",
        "OMP_NUM_THREADS": "2",
    }
    check = f"import weightgauge; assert weightgauge.__file__.startswith({str(place)!r})"
    run([sys.executable, "-c", check], settings)
    tests = [f"tests/{name}" for name in SANITIZED_TESTS]
    options = ["-q", "-p", "no:cacheprovider", "-n", str(PROCESSORS)]
    run([sys.executable, "-m", "pytest", *options, *tests], settings)


def tsan() -> None:
    """No two threads race in the C++ tests, by the thread sanitizer."""
    # With -O2, GCC 12 saves a one-byte mask of AVX-512 around calls of the sanitizer and reads four
    # bytes back, which the sanitizer reports.
    tree = build(
        "tsan",
        "core_tests",
        CMAKE_BUILD_TYPE="None",
        CMAKE_CXX_FLAGS="-O1 -g1",
        WEIGHTGAUGE_SANITIZE="thread",
    )
    # Of these suites, which take long, every test has one thread.
    alone = "block_counts|crowded|fed_scan|group_kernels|hazen|packed_codes|quarters"
    run_core_tests(tree, "--exclude-regex", alone)
