"""The modules of the installed package."""

from __future__ import annotations

import importlib
import pkgutil
from collections.abc import Iterator
from types import ModuleType

import weightgauge
from weightgauge.errors import MissingExtraError


def package_modules() -> Iterator[ModuleType]:
    """Import every module of the package, but for those whose extra is not installed here."""
    yield weightgauge
    for found in pkgutil.walk_packages(weightgauge.__path__, "weightgauge."):
        if not found.name.endswith(("__main__", "._core")):
            try:
                module = importlib.import_module(found.name)
            except MissingExtraError:
                continue
            yield module
