"""Laws over runs."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from scipy import stats

import weightgauge as wg
from made_fits import made_fit, made_slice
from made_runs import write_run
from weightgauge.errors import RunError
from weightgauge.trajectory.asked import why_not_asked
from weightgauge.trajectory.law_fits import LawPoint, fit_law
from weightgauge.trajectory.laws import POOLED_KINDS
from weightgauge.trajectory.saturation import fit_saturation, growth, saturation_point
from weightgauge.trajectory.settings import RunSettings

PYTHIA = [model for model in wg.reference.models().values() if model.family == "Pythia"]


def by_kind(found):
    return {law.kind: law for law in found.laws}


# ---------------------------------------------------------------- the published models


def test_the_published_table():
    """Figures recomputed from the table by hand, and those by kind that are known of it."""
    laws = by_kind(wg.scaling(PYTHIA))
    assert list(laws) == ["qkv", "o", "ffn_in", "ffn_out", "pooled"]
    pooled = laws["pooled"]
    assert pooled.n == 5
    assert pooled.pearson_r == pytest.approx(0.9409, abs=5e-5)
    assert (pooled.pearson_low, pooled.pearson_high) == (
        pytest.approx(0.35, abs=0.005),
        pytest.approx(0.996, abs=5e-4),
    )
    assert pooled.slope_origin == pytest.approx(0.0854, abs=5e-5)
    assert pooled.r2_origin == pytest.approx(-2.4, abs=0.05)
    assert pooled.ols_intercept == pytest.approx(0.0126, abs=5e-5)
    assert pooled.ols_slope == pytest.approx(0.030, abs=5e-4)
    assert pooled.exponent == pytest.approx(0.34, abs=0.005)
    assert laws["o"].pearson_r == pytest.approx(0.54, abs=0.005)
    assert laws["ffn_in"].pearson_r == pytest.approx(0.985, abs=5e-4)
    assert laws["ffn_out"].pearson_r == pytest.approx(0.991, abs=5e-4)
    assert "do not tell whether lambda goes with" in laws["o"].proves  # -0.656 to 0.963
    assert "lambda grows with sqrt(eta/wd) (r = 0.941" in pooled.proves
    assert "4 values" in pooled.proves and "not proportional" in pooled.proves


def test_saturation_needs_the_schedule_that_the_table_lacks():
    pooled = by_kind(wg.scaling(PYTHIA))["pooled"].saturation
    assert math.isnan(pooled.c) and pooled.n == 0
    assert "--schedule" in pooled.reason
    laws = by_kind(wg.scaling(PYTHIA, schedule="cosine", warmup=1430))
    for kind in ("qkv", "ffn_in", "ffn_out", "pooled"):
        saturation = laws[kind].saturation
        assert (saturation.n, saturation.start) == (5, "fitted")
        assert saturation.error < laws[kind].error_origin / 2, kind


def test_a_law_is_what_scipy_says():
    rng = np.random.default_rng(1)
    x = np.array([0.1, 0.15, 0.2, 0.3, 0.4, 0.5])
    y = 0.01 + 0.05 * x + rng.normal(0, 0.002, 6)
    law = fit_law([LawPoint(a, b, None) for a, b in zip(x, y, strict=True)], kind="o")
    pearson = stats.pearsonr(x, y)
    interval = pearson.confidence_interval(0.95)
    line = stats.linregress(x, y)
    power = stats.linregress(np.log(x), np.log(y))
    half = stats.t.isf(0.025, 4) * power.stderr
    assert law.pearson_r == pytest.approx(pearson.statistic, rel=1e-12)
    assert (law.pearson_low, law.pearson_high) == pytest.approx(tuple(interval), rel=1e-9)
    assert (law.ols_intercept, law.ols_slope) == pytest.approx((line.intercept, line.slope))
    assert law.exponent == pytest.approx(power.slope, rel=1e-12)
    assert (law.exponent_low, law.exponent_high) == pytest.approx(
        (power.slope - half, power.slope + half), rel=1e-9
    )


def test_a_lambda_that_falls_is_not_said_to_go_with_the_law():
    points = [LawPoint(x, 0.01 / x**0.5, None) for x in (0.1, 0.2, 0.3, 0.4, 0.5)]
    law = fit_law(points, kind="o")
    assert law.pearson_high < 0
    assert "lambda falls as sqrt(eta/wd) grows" in law.proves
    assert "it is not proportional to it (exponent -0.50 to -0.50" in law.proves


@pytest.mark.parametrize(
    ("ratios", "word"),
    [
        ([0.1], "One run tells nothing"),
        ([0.1, 0.1, 0.1], "the same sqrt"),
        ([0.1, 0.2], "prove nothing"),
        ([0.1, 0.2, 0.3], "prove nothing"),
    ],
)
def test_few_runs_prove_little(ratios, word):
    points = [LawPoint(x, 0.02 + 0.1 * x, None) for x in ratios]
    law = fit_law(points, kind="o")
    assert word in law.proves
    assert law.n == len(ratios)
    assert math.isnan(law.pearson_low)
    json.dumps(law.to_dict(), allow_nan=False)


def test_proportional_runs_are_not_told_from_the_law():
    rng = np.random.default_rng(2)
    x = np.geomspace(0.05, 0.8, 12)
    y = 0.1 * x * np.exp(rng.normal(0, 0.03, 12))
    law = fit_law([LawPoint(a, b, None) for a, b in zip(x, y, strict=True)], kind="o")
    assert law.exponent_low < 1 < law.exponent_high
    assert law.r2_origin > 0.98
    assert "do not tell proportionality" in law.proves


# ---------------------------------------------------------------- the saturation law


def simulated(settings, steps, start, c):
    ms = start
    for step in range(1, steps + 1):
        eta = settings.rate_sum(step) - settings.rate_sum(step - 1)
        ms = (1 - eta * settings.weight_decay) ** 2 * ms + (eta * c) ** 2
    return ms


@pytest.mark.parametrize("schedule", ["constant", "cosine", "linear"])
def test_growth_is_that_of_the_steps(schedule):
    settings = RunSettings(lr=2e-3, weight_decay=0.2, schedule=schedule, warmup=500, steps=10_000)
    for steps in (1, 300, 5000, 10_000):
        # a step multiplies by (1 - eta wd)^2, not by exp(-2 eta wd): 4e-4 apart at the peak
        assert growth(settings, steps) == pytest.approx(
            simulated(settings, steps, 0.0, 1.0), rel=2e-3
        )


def test_constant_rates_follow_the_closed_form():
    settings = RunSettings(lr=1e-3, weight_decay=0.1, schedule="constant")
    point = saturation_point(settings, 3000, 4e-4, 4e-4)
    x = 0.1 * 1e-3 * 3000
    assert point.kept == pytest.approx(math.exp(-2 * x))
    closed = 1e-3 / 0.2 * (1 - math.exp(-2 * x))
    assert point.grown_at_peak == pytest.approx(closed, rel=1e-12)
    assert point.grown == pytest.approx(closed, rel=1e-6)


@pytest.mark.parametrize("measured", [True, False])
def test_saturation_finds_the_update_again(measured):
    start, c = 0.02**2, 0.25
    points = []
    for lr in (1e-3, 6e-4, 3e-4, 1e-4):
        settings = RunSettings(lr=lr, weight_decay=0.1, schedule="cosine", steps=5000)
        ms = simulated(settings, 5000, start, c)
        points.append(saturation_point(settings, 5000, ms, start if measured else math.nan))
    found = fit_saturation(points)
    assert found.c_scheduled == pytest.approx(c, rel=2e-3)
    assert found.error_scheduled < 1e-3
    # the same law at the peak rate takes the cosine's mean of 0.55 for a smaller update
    assert found.c < 0.9 * c
    assert found.start == ("measured" if measured else "fitted")
    if not measured:
        assert found.start_rms == pytest.approx(0.02, rel=0.02)
    assert fit_saturation(points[: 1 if measured else 2]).reason


def test_what_saturation_lacks():
    settings = RunSettings(lr=1e-3, weight_decay=0.0, schedule="constant")
    assert saturation_point(settings, 100, 4e-4, math.nan) is None
    assert "learning rates of 2 of 2 runs are not known" in fit_saturation([None, None]).reason
    assert growth(RunSettings(lr=1e-3, weight_decay=0.1, schedule="constant"), 0) == 0


# ---------------------------------------------------------------- which runs are asked


@pytest.mark.parametrize(
    ("settings", "word"),
    [
        ({}, "needs the optimiser (--optimizer), the peak learning rate (--lr) and weight decay"),
        ({"optimizer": "adamw", "lr": 1e-3}, "needs weight decay (--weight-decay)"),
        ({"optimizer": "adamh"}, "norm held constant"),  # whatever else is missing
        ({"optimizer": "adam", "lr": 1e-3}, "does not follow for adam"),
        ({"optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.0}, "no weight decay"),
        ({"optimizer": "sgd", "lr": 1e-3, "weight_decay": 0.1}, "fourth root"),
        ({"optimizer": "hyperball", "lr": 1e-3, "weight_decay": 0.1}, "norm held constant"),
        ({"optimizer": "muon", "lr": 1e-3, "weight_decay": 0.1}, "nobody has shown"),
        ({"optimizer": "lion", "lr": 1e-3, "weight_decay": 0.1}, ""),
    ],
)
def test_of_which_optimisers_the_law_is_asked(settings, word):
    told = why_not_asked(RunSettings(**settings))
    assert word in told
    assert bool(told) == bool(word)


def run_of(tmp_path, write_checkpoint, name, lr, lam, **settings):
    kinds = {"o": (1.2054, lam), "down": (1.2054, 2 * lam), "q": (1.0, lam)}
    start = dict.fromkeys(kinds, (1.2054, 0.02))
    folder = write_run(tmp_path / name, write_checkpoint, {0: start, 900: kinds, 1000: kinds})
    settings = {"optimizer": "adamw", "lr": lr, "weight_decay": 0.1, **settings}
    lines = [f"{key} = {json.dumps(value)}" for key, value in settings.items()]
    (folder / "weightgauge.toml").write_text("\n".join(["[training]", *lines]))
    return folder


def test_runs_from_folders(tmp_path, write_checkpoint):
    ratios = [0.05, 0.1, 0.15, 0.2]
    folders = [
        run_of(tmp_path, write_checkpoint, f"run{i}", 0.1 * ratio**2, 0.2 * ratio)
        for i, ratio in enumerate(ratios)
    ]
    folders.append(run_of(tmp_path, write_checkpoint, "sgd", 1e-3, 1.0, optimizer="sgd"))
    found = wg.scaling(folders, schedule="constant")
    assert [run.asked for run in found.runs] == [True] * 4 + [False]
    assert [run.step for run in found.runs] == [1000] * 5
    laws = by_kind(found)
    assert set(laws) == {"o", "ffn_out", "q", "pooled"}
    assert laws["pooled"].n == 4
    for kind, slope in (("o", 0.2), ("ffn_out", 0.4), ("pooled", 0.3)):
        # the draws are the same in all runs, off by what 64 x 64 weights leave to chance
        assert laws[kind].slope_origin == pytest.approx(slope, rel=0.05)
        assert laws[kind].r2_origin == pytest.approx(1, abs=1e-6)
        assert laws[kind].exponent == pytest.approx(1, abs=1e-6)
        assert laws[kind].saturation.start == "measured"
        assert laws[kind].saturation.n == 4
    document = found.to_dict()
    json.dumps(document, allow_nan=False)
    assert document["schema_version"] == 1
    law = document["laws"][-1]
    assert {
        *("kind", "n", "pearson_r", "pearson_ci", "slope_origin", "r2_origin", "ols"),
        *("exponent", "saturation"),
    } <= law.keys()
    assert len(law["pearson_ci"]) == 2
    assert len(found.to_dicts()) == len(found.to_pandas()) == 4
    assert repr(found).startswith("<Scaling: 4 of 5 runs; ")


def test_models_in_hand_and_what_they_share():
    def model(lam, *kinds):
        return {10: made_fit(*(made_slice(f"{k}.w", k, 0, lam=lam) for k in kinds))}

    runs = [model(0.1, "o", "up", "q"), model(0.2, "o", "q"), model(0.3, "o", "up")]
    found = wg.scaling(runs, optimizer="adamw", lr=1e-3, weight_decay=0.1)
    assert [law.kind for law in found.laws] == ["o"]
    assert "same sqrt(eta/wd)" in found.laws[0].proves


def test_settings_of_each_run():
    def model(lam):
        return {10: made_fit(made_slice("o.w", "o", 0, lam=lam))}

    runs = [model(0.1), model(0.2), model(0.4)]
    found = wg.scaling(
        runs,
        optimizer="adamw",
        lr=(1e-3, 4e-3, 16e-3),
        weight_decay=np.array([0.1, 0.1, 0.1]),
        schedule="constant",
        total_steps=np.array([10, 20, 30]),
    )
    assert [run.settings.lr for run in found.runs] == [1e-3, 4e-3, 16e-3]
    assert [run.ratio for run in found.runs] == pytest.approx([0.1, 0.2, 0.4])
    assert [run.settings.steps for run in found.runs] == [10, 20, 30]
    (law,) = found.laws
    assert (law.slope_origin, law.exponent) == pytest.approx((1, 1))  # lambda is that ratio
    with pytest.raises(RunError, match="lr: 2 values are given for 3 runs"):
        wg.scaling(runs, lr=[1e-3, 2e-3])


def test_none_leaves_what_is_found_beside_a_run(tmp_path, write_checkpoint):
    folders = [run_of(tmp_path, write_checkpoint, name, 1e-3, 0.02) for name in ("a", "b")]
    found = wg.scaling(folders, lr=[None, 2e-3], optimizer=["lion", None])
    assert [run.settings.lr for run in found.runs] == [1e-3, 2e-3]
    assert [run.settings.optimizer for run in found.runs] == ["lion", "adamw"]


def test_a_run_counts_once(tmp_path, write_checkpoint, monkeypatch):
    folder = run_of(tmp_path, write_checkpoint, "a", 1e-3, 0.02)
    monkeypatch.chdir(tmp_path)
    for again in (folder, "a", "./a/"):
        with pytest.raises(RunError, match="is named twice, and is one run"):
            wg.scaling([str(folder), again])


def test_no_runs_at_all(tmp_path):
    for wrong in ([], "runs"):
        with pytest.raises(RunError, match="sequence of runs"):
            wg.scaling(wrong)
    none = wg.scaling([{5: made_fit(made_slice("a", "o", 0))}])
    assert none.laws == ()
    assert {"kind", "n", "pearson_r", "saturation_c"} <= set(none.to_pandas().columns)


def test_pooled_kinds_are_the_published_ones():
    assert set(POOLED_KINDS) == {"o", "ffn_in", "ffn_out", "gate", "up", "down"}
