"""`weightgauge info`: what is installed and how it was built."""

from __future__ import annotations

from typing import Any

import click

from weightgauge.cli.options import output_options
from weightgauge.cli.output import Output

_PACKAGES = ("numpy", "scipy", "safetensors", "huggingface_hub", "click", "rich", "pandas")


@click.command("info", short_help="Show version, build and threads, for bug reports.")
@output_options
def command(output: Output) -> None:
    """Show the version of weightgauge, how its core was built, and what it runs on.

    \b
    Examples:
      weightgauge info
      weightgauge info --json
    """  # noqa: D301
    from weightgauge.reporting.views.info import info_document

    output.write(info_document(_facts()))


def _facts() -> dict[str, Any]:
    import platform

    from weightgauge import _core
    from weightgauge._version import __version__
    from weightgauge.threads import thread_budget

    return {
        "weightgauge": __version__,
        "python": platform.python_version(),
        "platform": platform.platform(),
        "threads": thread_budget(),
        "placement": _placement(),
        "core": dict(_core.build_info()),
        "packages": {name: _version(name) for name in _PACKAGES},
    }


def _placement() -> dict[str, Any]:
    from weightgauge import _core

    runtime, bind, places = _core.thread_runtime()
    return {"runtime": runtime, "proc_bind": bind, "places": places}


def _version(package: str) -> str | None:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(package)
    except PackageNotFoundError:
        return None
