"""Rules of the code base that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from weightgauge import _core

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = sorted((ROOT / "python" / "weightgauge").rglob("*.py"))
CORE = sorted(
    path for path in (ROOT / "cpp" / "core").rglob("*") if path.suffix in (".cpp", ".hpp", ".inc")
)
BINDINGS = sorted((ROOT / "cpp" / "bindings").glob("*.?pp"))
BUILD_FILES = [
    ROOT / "pyproject.toml",
    ROOT / "CMakeLists.txt",
    *sorted(ROOT.glob("cpp/*/CMakeLists.txt")),
]
LONGEST_FILE, LONGEST_FUNCTION = 400, 60
# The rooms of the core: each includes only from itself and from those before it. The kernels see
# nothing but memory.
ROOMS = ["base", "kernels", "io", "decode", "histogram", "count", "fit", "exact", "two_way", "scan"]


def name(path: Path) -> str:
    return str(path.relative_to(ROOT))


def test_the_files_are_found():
    assert len(PACKAGE) > 20 and len(CORE) > 20 and len(BINDINGS) > 5


@pytest.mark.parametrize("path", [*PACKAGE, *CORE, *BINDINGS], ids=name)
def test_files_are_short(path):
    assert len(path.read_text(encoding="utf-8").splitlines()) <= LONGEST_FILE


@pytest.mark.parametrize("path", PACKAGE, ids=name)
def test_functions_are_short_and_public_ones_documented(path):
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        documented = ast.get_docstring(node)
        first = node.body[1] if documented and len(node.body) > 1 else node.body[0]
        assert (node.end_lineno or 0) - first.lineno < LONGEST_FUNCTION, node.name
        assert documented or node.name.startswith("_") or _is_nested(path, node), node.name


def _is_nested(path: Path, function: ast.AST) -> bool:
    """Tell whether a function lies in another, where nobody can call it from outside."""
    place = (function.lineno, function.end_lineno)
    return any(
        node.lineno < place[0] and (node.end_lineno or 0) >= place[1]
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
    )


@pytest.mark.parametrize("path", CORE, ids=name)
def test_the_core_knows_nothing_of_python(path):
    assert not re.search(r"#include\s*[<\"](pybind11|Python\.h|bindings)", path.read_text("utf-8"))


def included(text: str) -> list[str]:
    """List the core's files that a C++ file includes, as paths from the folder of the core."""
    return re.findall(r'^\s*#\s*include\s*[<"]core/([^">]+)[">]', text, re.MULTILINE)


def include_circle(includes: dict[str, list[str]]) -> list[str]:
    """List files of which each includes the next and the last includes the first; or none."""
    done: set[str] = set()

    def circle_from(file: str, way: list[str]) -> list[str]:
        if file in way:
            return [*way[way.index(file) :], file]
        if file in done:
            return []
        circles = (circle_from(next_file, [*way, file]) for next_file in includes.get(file, []))
        circle = next((circle for circle in circles if circle), [])
        done.add(file)
        return circle

    return next((circle for file in includes if (circle := circle_from(file, []))), [])


def includes_against_the_order(room: str, text: str) -> list[str]:
    """List what a file of a room includes from rooms that come after its own, or from none."""
    allowed = ROOMS[: ROOMS.index(room) + 1]
    return [file for file in included(text) if file.split("/")[0] not in allowed]


@pytest.mark.parametrize("path", CORE, ids=name)
def test_rooms_of_the_core_include_only_what_stands_before_them(path):
    room = path.relative_to(ROOT / "cpp" / "core").parts[0]
    assert room in ROOMS
    assert includes_against_the_order(room, path.read_text("utf-8")) == []


def test_no_headers_of_the_core_include_each_other():
    core = ROOT / "cpp" / "core"
    includes = {
        path.relative_to(core).as_posix(): included(path.read_text("utf-8")) for path in CORE
    }
    unknown = {file for files in includes.values() for file in files} - includes.keys()
    assert unknown == set()
    assert include_circle(includes) == []


def test_the_rules_on_includes_see_what_breaks_them():
    text = '#include <vector>\n  #  include <core/scan/scan.hpp>\n#include "core/io/view.hpp"\n'
    assert included(text) == ["scan/scan.hpp", "io/view.hpp"]
    assert includes_against_the_order("fit", text) == ["scan/scan.hpp"]
    assert includes_against_the_order("scan", text) == []
    assert includes_against_the_order("base", '#include "core/dtype.hpp"') == ["dtype.hpp"]
    line = {"a": ["b", "c"], "b": ["c"], "c": []}
    assert include_circle(line) == []
    assert include_circle({**line, "c": ["d"], "d": ["b"]}) == ["b", "c", "d", "b"]


def test_every_suite_of_the_core_is_run():
    """A suite that the build does not list is compiled, and never asked."""
    sources = (ROOT / "cpp" / "tests").glob("*.cpp")
    suites = {
        found
        for path in sources
        for found in re.findall(r'TEST_SUITE(?:_BEGIN)?\("([a-z0-9_]+)"', path.read_text())
    }
    build = (ROOT / "cpp" / "tests" / "CMakeLists.txt").read_text(encoding="utf-8")
    (listed,) = re.findall(r"foreach\(suite ([^)]*)\)", build)
    assert suites == set(listed.split())


def test_no_flag_changes_arithmetic_or_ties_the_build_to_one_machine():
    flags = re.compile(r"-ffast-math|-Ofast|-march=native|-funsafe")
    assert [name(path) for path in BUILD_FILES if flags.search(path.read_text("utf-8"))] == []


def test_the_stub_names_what_the_extension_has():
    stub = ast.parse((ROOT / "python" / "weightgauge" / "_core.pyi").read_text("utf-8"))
    classes = {node.name: node for node in stub.body if isinstance(node, ast.ClassDef)}
    functions = {node.name for node in stub.body if isinstance(node, ast.FunctionDef)}
    present = {entry for entry in dir(_core) if not entry.startswith("_")}
    assert present == classes.keys() | functions
    for title, node in classes.items():
        if issubclass(getattr(_core, title), Exception):
            continue
        stubbed = {member.name for member in node.body if isinstance(member, ast.FunctionDef)}
        members = {entry for entry in vars(getattr(_core, title)) if not entry.startswith("_")}
        assert members == {entry for entry in stubbed if not entry.startswith("_")}, title


def test_the_oracle_shares_nothing_with_the_package():
    assert "weightgauge" not in (ROOT / "tests" / "oracle.py").read_text("utf-8")


def test_importing_the_package_imports_little():
    heavy = "numpy scipy huggingface_hub rich click safetensors pandas torch"
    code = (
        "import sys, weightgauge\n"
        f"print(*(name for name in {heavy.split()} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []


def test_fitting_an_array_imports_no_more_than_numpy():
    heavy = "scipy huggingface_hub rich click safetensors pandas torch"
    code = (
        "import sys, numpy, weightgauge\n"
        "weightgauge.fit_weibull(numpy.arange(1.0, 100.0))\n"
        f"print(*(name for name in {heavy.split()} if name in sys.modules))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.split() == []
