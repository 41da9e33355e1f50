"""Comparison of numbers by their relative difference alone."""

from __future__ import annotations

import pytest


def relative(expected, *, rel):
    """Like `pytest.approx`, but without its absolute tolerance of 1e-12.

    That one also holds where only `rel` is given, and would let any lambda near 1e-30 pass.
    """
    return pytest.approx(expected, rel=rel, abs=0.0)
