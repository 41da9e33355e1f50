"""Onset, change points, jumps and levelling off, on series that are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from weightgauge.trajectory.changes import change_from_start, change_points, jumps, onset
from weightgauge.trajectory.levelling import levelling

NAN = math.nan


def noisy(values, error=0.01, seed=0):
    return np.asarray(values) + np.random.default_rng(seed).normal(0, error, len(values))


# ---------------------------------------------------------------- onset


def test_onset_is_the_first_step_from_which_k_stays_away():
    steps, errors = [0, 10, 20, 30, 40], [0.01] * 5
    away = 1.2 - 3.01 * math.hypot(0.01, 0.01)
    back = 1.2 - 2.99 * math.hypot(0.01, 0.01)
    assert onset(steps, [1.2, back, away, away, away], errors) == 20
    assert onset(steps, [1.2, away, back, away, away], errors) == 30
    assert onset(steps, [1.2, away, away, away, back], errors) is None
    assert onset(steps, [1.2, NAN, away, NAN, away], errors) == 20
    assert onset(steps, [NAN, 1.2, away, away, away], errors) == 20
    assert onset([0], [1.2], [0.01]) is None
    assert onset([], [], []) is None


def test_change_from_the_start():
    found = change_from_start([1.2, 1.1, NAN], [0.03, 0.04, NAN])
    assert found == (pytest.approx(-0.1), pytest.approx(0.05))
    assert math.isnan(change_from_start([1.2, NAN], [0.1, NAN]).value)


# ---------------------------------------------------------------- change points


@pytest.mark.parametrize("count", [6, 8, 12, 20, 60, 150])
def test_a_constant_series_has_few_change_points(count):
    steps = list(range(0, 100 * count, 100))
    series = 600 if count < 100 else 200
    wrong = sum(
        bool(change_points(steps, noisy([1.2] * count, seed=seed), [0.01] * count))
        for seed in range(series)
    )
    # at most 5 % by the penalty, and three standard errors of a share of so many series
    assert wrong / series <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / series)


def test_a_steady_drift_is_no_change():
    steps = list(range(0, 3000, 100))
    wrong = sum(
        bool(change_points(steps, noisy(np.linspace(1.2, 0.8, 30), seed=seed), [0.01] * 30))
        for seed in range(200)
    )
    assert wrong / 200 <= 0.05 + 3 * math.sqrt(0.05 * 0.95 / 200)


def test_a_level_that_shifts_and_a_drift_that_begins():
    steps = list(range(0, 3000, 100))
    shifted = noisy([1.2] * 14 + [1.1] * 16)
    assert change_points(steps, shifted, [0.01] * 30) == (1400,)
    drift = noisy([1.2] * 15 + list(1.2 - 0.03 * np.arange(1, 16)))
    (found,) = change_points(steps, drift, [0.01] * 30)
    assert abs(found - 1500) <= 100
    both = noisy([1.2] * 10 + list(1.2 - 0.03 * np.arange(10)) + [0.9] * 10)
    first, second = change_points(steps, both, [0.01] * 30)
    assert abs(first - 1000) <= 100 and abs(second - 2000) <= 100


def test_change_points_of_short_and_broken_series():
    assert change_points([0, 1, 2, 3, 4], [1, 1, 1, 9, 9], [0.01] * 5) == ()
    assert change_points([], [], []) == ()
    values = [1.2, 1.2, NAN, 1.2, 1.2, 1.0, 1.0, 1.0, 1.0]
    assert change_points(list(range(0, 90, 10)), values, [0.01] * 9) == (50,)


def test_change_points_need_more_than_their_errors():
    steps = list(range(20))
    values = [1.2] * 10 + [1.19] * 10
    assert change_points(steps, values, [0.02] * 20) == ()
    assert change_points(steps, values, [0.0005] * 20) == (10,)


# ---------------------------------------------------------------- jumps


def test_jumps():
    steps = [0, 10, 20, 30, 40, 50]
    assert jumps(steps, [1.2, 1.2, 1.2, 1.1, 1.1, 1.1], [0.01] * 6, least=0.02) == [
        (30, pytest.approx(-0.1))
    ]
    # a single step that its neighbours contradict
    spike = jumps(steps, [1.2, 1.2, 1.2, 0.9, 1.2, 1.2], [0.01] * 6, least=0.02)
    assert [step for step, _ in spike] == [30]
    # movement, however fast, is none
    assert jumps(steps, list(np.exp(-np.arange(6) / 2)), [1e-4] * 6, least=0.02) == []
    doubling = [0, 1, 2, 4, 8, 16, 32, 64, 128]
    grown = [1 - math.exp(-step / 30) for step in doubling]
    assert jumps(doubling, grown, [1e-4] * 9, least=0.02) == []
    # neither is noise, nor what is too small to matter
    assert jumps(steps, [1.2, 1.2, 1.2, 1.14, 1.14, 1.14], [0.01] * 6, least=0.02) == []
    assert jumps(steps, [1.2, 1.2, 1.2, 1.19, 1.19, 1.19], [1e-5] * 6, least=0.02) == []
    assert jumps([0, 1], [1.2, 0.2], [0.01] * 2, least=0.02) == []


def test_noise_makes_no_jumps():
    steps = list(range(100))
    assert not any(
        jumps(steps, noisy([1.2] * 100, seed=seed), [0.01] * 100, least=0) for seed in range(50)
    )


# ---------------------------------------------------------------- levelling off


def approach(steps, start, level, time):
    return [math.sqrt(level**2 + (start**2 - level**2) * math.exp(-t / time)) for t in steps]


def test_lambda_that_levels_off():
    steps = list(range(0, 5001, 250))
    found = levelling(steps, approach(steps, 0.02, 0.05, 700))
    assert found.state == "levelled off"
    assert found.level == pytest.approx(0.05, rel=1e-3)
    assert found.time == pytest.approx(700, rel=0.02)
    assert found.share == pytest.approx(1, abs=2e-3)


def test_lambda_on_its_way():
    steps = list(range(0, 1001, 50))
    lam = np.array(approach(steps, 0.02, 0.05, 700)) * np.exp(noisy([0.0] * 21, 1e-3))
    found = levelling(steps, lam)
    assert found.state == "approaching"
    assert found.level_low < 0.05 < found.level_high
    assert found.share == pytest.approx(lam[-1] / 0.05, rel=0.1)


def test_lambda_without_a_level():
    steps = list(range(0, 1001, 50))
    growing = [0.02 * math.sqrt(1 + step / 100) for step in steps]  # a random walk
    assert levelling(steps, growing).state == "no level in sight"
    assert levelling(steps, [0.02] * 21).state == "unchanged"
    assert levelling(steps[:4], growing[:4]).state == "too few steps"
    assert math.isnan(levelling(steps, [NAN] * 21).level)
