"""The examples in the docstrings of the installed package run and print what they say."""

from __future__ import annotations

import doctest
import importlib
import pkgutil

import pytest

import weightgauge

MODULES = [
    "weightgauge",
    *(
        module.name
        for module in pkgutil.walk_packages(weightgauge.__path__, "weightgauge.")
        if not module.name.endswith(("__main__", "._core"))
    ),
]


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [test for name in MODULES for test in finder.find(importlib.import_module(name), name)]
    assert sum(len(test.examples) for test in found) > 10


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(importlib.import_module(name))
    assert result.failed == 0
