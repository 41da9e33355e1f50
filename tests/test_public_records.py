"""What every public record offers: a place in its package, plain values, and one short line."""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import inspect
import math
import types
import typing

import numpy as np
import pytest

import weightgauge as wg
from package_modules import package_modules
from weightgauge import demo
from weightgauge.records import Table

PACKAGES = (
    "weightgauge",
    "weightgauge.anatomy.architecture",
    "weightgauge.anatomy.components",
    "weightgauge.checkpoint",
    "weightgauge.comparison",
    "weightgauge.trajectory",
    "weightgauge.diagnosis",
    "weightgauge.distributions",
    "weightgauge.fits",
    "weightgauge.magnitudes",
    "weightgauge.reference",
)
LONGEST_REPR = 140


def exported():
    """Every record that a package exports, by package and name."""
    for package in PACKAGES:
        module = importlib.import_module(package)
        for name in module.__all__:
            value = getattr(module, name)
            record = isinstance(value, type) and (
                dataclasses.is_dataclass(value) or hasattr(value, "_fields")
            )
            if record:
                yield package, name, value


# Histograms and pages are no row of plain values: they are saved to files of their own.
RECORDS = {
    f"{package}.{name}": value
    for package, name, value in exported()
    if value not in (wg.ModelHistograms, wg.Report)
}


def results():
    """One result of every public function that returns records, on the bundled model."""
    first, last = demo.paths()["step-0"], demo.paths()["step-last"]
    weights = np.random.default_rng(0).normal(size=(64, 64))
    checkpoint = wg.open_checkpoint(first)
    yield checkpoint
    yield wg.fit(first)
    yield wg.diagnose(last, baseline=first, balanced=True, lr=1e-3, weight_decay=0.1, steps=99)
    yield wg.compare(first, last)
    settings = {"optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.1, "total_steps": 99}
    yield wg.track([first, last], steps=[0, 99], **settings)
    yield wg.scaling([{99: last}], **settings)
    yield wg.reproduce()
    yield wg.fit_weibull(weights)
    yield wg.reference.models()
    yield wg.reference.qwen_cohort()
    yield wg.reference.nearest({"q": 1.0})
    yield wg.distributions.compare_distributions(weights)
    yield wg.distributions.heaviness(weights)
    yield wg.distributions.matrix_bootstrap(weights, repetitions=20)
    yield wg.distributions.weibull_mle(weights)
    yield wg.distributions.regression_x_on_y(weights)


@pytest.fixture(scope="module")
def found():
    """Every object that can be reached from the results, by type."""
    seen: dict[type, list[object]] = {}
    waiting = list(results())
    while waiting:
        value = waiting.pop()
        if isinstance(value, dict | types.MappingProxyType) or hasattr(value, "items"):
            waiting += list(value.values())
        if isinstance(value, list | tuple):
            waiting += list(value)[:50]
        if type(value).__module__.startswith("weightgauge"):
            seen.setdefault(type(value), []).append(value)
            if dataclasses.is_dataclass(value):
                waiting += [getattr(value, each.name) for each in dataclasses.fields(value)]
    return seen


def test_records_that_results_hold_are_exported_by_a_package(found):
    exported = set(RECORDS.values()) | {Table}
    reached = {kind for kind in found if dataclasses.is_dataclass(kind) or hasattr(kind, "_fields")}
    assert len(reached) > 15
    assert [kind.__qualname__ for kind in reached - exported] == []


@pytest.mark.parametrize("name", RECORDS)
def test_a_record_offers_plain_values(name):
    hints = typing.get_type_hints(RECORDS[name].to_dict, vars(typing))
    assert hints["return"] == dict[str, typing.Any]


def test_what_results_hold_is_shown_on_one_short_line(found):
    for values in found.values():
        for value in values[:200]:
            assert "\n" not in repr(value)
            assert len(repr(value)) <= LONGEST_REPR, repr(value)


def test_plain_values_have_no_nan_and_spell_lambda_out(found):
    for kind, values in found.items():
        if not hasattr(kind, "to_dict"):
            continue
        for value in values[:20]:
            waiting: list[object] = [value.to_dict()]
            while waiting:
                each = waiting.pop()
                assert not isinstance(each, float) or math.isfinite(each), kind
                if isinstance(each, dict):
                    assert not {"lam"} & each.keys(), kind
                    waiting += each.values()
                elif isinstance(each, list):
                    waiting += each
                else:
                    assert each is None or isinstance(each, bool | int | float | str), kind


def test_every_table_can_become_a_data_frame(found):
    pytest.importorskip("pandas")
    tables = [value for values in found.values() for value in values if hasattr(value, "to_pandas")]
    assert len(tables) > 10
    for table in tables:
        frame = table.to_pandas()
        rows = table.to_dicts()
        assert len(frame) == len(rows)
        if rows:
            parts = {"spread": ["spread_rows", "spread_columns", "spread_core"]}
            wanted = [each for name in rows[0] for each in parts.get(name, [name])]
            assert list(frame.columns) == wanted


def test_a_table_without_rows_still_has_its_columns():
    pytest.importorskip("pandas")
    frame = Table(wg.diagnosis.Outlier).to_pandas()
    assert len(frame) == 0
    assert list(frame.columns)[:3] == ["tensor", "part", "kind"]
    assert str(frame.dtypes["block"]) == "Int64"
    assert str(frame.dtypes["z"]) == "float64"


@pytest.mark.parametrize("limit", ["x" * 500, "\x1b" * 500, "a/" * 300])
def test_a_long_name_does_not_make_a_long_line(limit):
    fit = wg.fit(demo.paths()["step-0"])
    for record in (
        dataclasses.replace(fit, model=limit),
        dataclasses.replace(wg.open_checkpoint(demo.paths()["step-0"]), model=limit),
        dataclasses.replace(wg.compare(fit.model, fit.model), a=limit, b=limit),
        dataclasses.replace(wg.diagnose(fit.model), model=limit),
    ):
        assert len(repr(record)) <= LONGEST_REPR


def test_packages_list_what_exists():
    for module in package_modules():
        for name in getattr(module, "__all__", ()):
            with contextlib.suppress(wg.errors.MissingExtraError):
                assert hasattr(module, name), (module.__name__, name)


def test_dir_shows_public_names_only():
    assert dir(wg) == sorted(wg.__all__)


def test_arrays_and_histograms_give_the_same():
    weights = np.random.default_rng(0).normal(size=20_000).astype(np.float32)
    counts = wg.magnitude_histogram(weights)
    other = wg.magnitude_histogram(2 * weights)
    distributions, comparison = wg.distributions, wg.comparison
    assert distributions.compare_distributions(weights) == (
        distributions.compare_distributions(counts)
    )
    assert distributions.heaviness(weights) == distributions.heaviness(counts)
    assert distributions.weibull_mle(weights) == distributions.weibull_mle(counts)
    assert distributions.regression_x_on_y(weights) == (
        distributions.regression_x_on_y(wg.fit_weibull(weights))
    )
    for measure in (comparison.two_sample_ks, comparison.least_difference):
        assert measure(weights, 2 * weights) == measure(counts, other)


@pytest.mark.parametrize("name", RECORDS)
def test_lambda_is_lam_only_where_the_language_takes_the_word(name):
    record = RECORDS[name]
    fields = getattr(record, "_fields", None) or [each.name for each in dataclasses.fields(record)]
    assert [field for field in fields if "lam" in field.split("_") and field != "lam"] == []


def test_a_probability_is_called_p():
    for function in (
        wg.quantiles,
        wg.MagnitudeHistogram.quantiles,
        wg.distributions.Weibull.quantile,
    ):
        assert list(inspect.signature(function).parameters)[1] == "p"
