"""The examples in the docstrings of the installed package run and print what they say."""

from __future__ import annotations

import doctest

import pytest

from package_modules import package_modules

MODULES = {module.__name__: module for module in package_modules()}


def test_there_are_examples():
    finder = doctest.DocTestFinder()
    found = [test for name, module in MODULES.items() for test in finder.find(module, name)]
    assert sum(len(test.examples) for test in found) > 10


@pytest.mark.parametrize("name", MODULES)
def test_examples(name):
    result = doctest.testmod(MODULES[name])
    assert result.failed == 0
