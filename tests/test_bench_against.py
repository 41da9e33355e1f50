"""A benchmark run beside a saved one: which changes are told, and which are within the spread."""

from __future__ import annotations

import pytest

from against import against


def record(what, median, iqr=0.0, threads=1, name="pure read"):
    ratio = {"median": median, "min": median, "iqr": iqr}
    return {"group": "kernel", "what": what, "threads": threads, "ratios": {name: ratio}}


@pytest.mark.parametrize(
    ("then", "now", "iqr", "told"),
    [
        (0.50, 0.52, 0.0, "+4.0% faster"),
        (0.50, 0.48, 0.0, "-4.0% slower"),
        (0.50, 0.51, 0.0, "+2.0%"),  # below what anybody notices
        (0.50, 0.48, 0.03, "-4.0%"),  # within the ranges of both
        (4.0, 8.0, 0.1, "+100.0% faster"),
    ],
)
def test_a_change_is_told_beyond_the_spread(then, now, iqr, told):
    lines = against([record("BF16", now, iqr)], [record("BF16", then, iqr)]).splitlines()
    assert lines[1].startswith("kernel: BF16")
    assert " ".join(lines[1].split()).endswith(f" {told}")


def test_rows_that_one_run_lacks_are_counted():
    told = against(
        [record("BF16", 0.5), record("BF16", 0.9, threads=2)],
        [record("BF16", 0.5), record("F16", 0.5), record("F16", 0.5, threads=2)],
    )
    assert "Only in this run: 1 rows; only in the saved one: 2." in told
    assert against([record("a", 1.0)], [record("b", 1.0)]).startswith("Nothing of the saved run")


def test_ratios_are_compared_by_their_names():
    then = record("BF16", 0.5) | {"ratios": record("", 0.5, name="counting")["ratios"]}
    assert against([record("BF16", 0.9)], [then]).startswith("Nothing of the saved run")
