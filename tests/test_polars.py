"""Tables as data frames of Polars: the rows and columns of those of pandas."""

from __future__ import annotations

import sys

import pytest

import weightgauge as wg
from made_fits import made_fit
from weightgauge import demo
from weightgauge.errors import MissingExtraError

pl = pytest.importorskip("polars")


@pytest.fixture(scope="module")
def tables():
    first, last = demo.paths().values()
    fit = wg.fit(last)
    checkpoint = wg.open_checkpoint(last)
    pythia = [each for each in wg.reference.models().values() if each.family == "Pythia"]
    return {
        "fit": fit,
        "slices": fit.slices,
        "selected": fit.select(kind="q"),
        "kinds": fit.kinds,
        "findings": fit.findings,
        "histograms": wg.scan(last),
        "comparison": wg.compare(first, last),
        "diagnosis": wg.diagnose(last),
        "trajectory": wg.track({0: first, 5: last}),
        "scaling": wg.scaling(pythia),
        "checkpoint": checkpoint,
        "tensors": checkpoint.tensors,
        "published": wg.reference.models(),
        "claims": wg.reproduce(),
    }


NAMES = (
    *("fit", "slices", "selected", "kinds", "findings", "histograms", "comparison", "diagnosis"),
    *("trajectory", "scaling", "checkpoint", "tensors", "published", "claims"),
)


def missing(value):
    return value is None or str(value) in ("nan", "<NA>")


@pytest.mark.parametrize("name", NAMES)
def test_a_frame_has_the_rows_of_that_of_pandas(tables, name):
    found, wanted = tables[name].to_polars(), tables[name].to_pandas()
    assert found.columns == list(wanted.columns)
    assert found.height == len(wanted) > 0
    for column in found.columns:
        assert found[column].dtype != pl.Object
        if found[column].dtype.is_float():
            assert found[column].is_nan().sum() == 0  # what is missing is null
        for value, other in zip(found[column].to_list(), wanted[column].tolist(), strict=True):
            if isinstance(value, str) and not isinstance(other, str):  # numbers and ranges
                assert name == "claims" and value == str(other)
            elif isinstance(value, list):
                assert value == list(other)
            else:
                assert (value is None and missing(other)) or value == other


def test_columns_have_the_types_that_records_state(tables):
    schema = tables["fit"].to_polars().schema
    assert (schema["k"], schema["block"], schema["tensor"]) == (pl.Float64, pl.Int64, pl.String)
    assert schema["shape"] == pl.List(pl.Int64)
    assert schema["expert"] == pl.Int64  # although none has one
    both = pl.concat([tables["fit"].to_polars(), tables["slices"].to_polars()])
    assert both.height == 2 * len(tables["fit"])
    assert tables["trajectory"].to_polars().schema["head"] == pl.Int64


def test_an_empty_table_has_its_columns(tables):
    empty = made_fit().to_polars()
    assert empty.schema == tables["fit"].to_polars().schema and empty.height == 0


def test_without_polars_the_extra_is_named(tables, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(MissingExtraError, match=r"pip install 'weightgauge\[polars\]'"):
        tables["fit"].to_polars()
