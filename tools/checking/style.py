"""Checks that read the code and build nothing."""

from __future__ import annotations

from pathlib import Path

from checking.running import ROOT, run


def sources(*patterns: str) -> list[Path]:
    """Return the files below cpp/ that match."""
    return sorted(path for pattern in patterns for path in (ROOT / "cpp").rglob(pattern))


def lint() -> None:
    """Python code follows the rules of pyproject.toml, the layers of the package among them."""
    run(["ruff", "check"])
    run(["lint-imports"], {"PYTHONPATH": str(ROOT / "python")})


def types() -> None:
    """Python code is typed, and types agree, on every system that it runs on."""
    for platform in ("linux", "darwin", "win32"):
        run(["mypy", "--platform", platform])


def formatting() -> None:
    """Python and C++ code is laid out by ruff and clang-format."""
    run(["ruff", "format", "--check", "--diff"])
    run(["clang-format", "--dry-run", "-Werror", *sources("*.hpp", "*.cpp", "*.inc")])
