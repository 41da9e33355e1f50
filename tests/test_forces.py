"""Decay, injection and alignment: on a simulation of AdamW, and between checkpoints of it."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest

from weightgauge.trajectory.forces import interval_forces, step_forces, update_forces
from weightgauge.trajectory.settings import RunSettings


class AdamW:
    """Loshchilov and Hutter's optimiser on one matrix, in double precision."""

    def __init__(self, shape, lr, weight_decay, seed=0):
        self.rng = np.random.default_rng(seed)
        self.weights = self.rng.normal(0, 0.02, shape)
        self.target = self.rng.normal(0, 0.05, shape)
        self.first, self.second, self.count = np.zeros(shape), np.zeros(shape), 0
        self.lr, self.weight_decay = lr, weight_decay

    def step(self):
        """Take one step; return the weights before it and the update."""
        noise = self.rng.normal(0, 1, self.weights.shape)
        gradient = self.weights - self.target + noise
        self.count += 1
        self.first = 0.9 * self.first + 0.1 * gradient
        self.second = 0.95 * self.second + 0.05 * gradient**2
        update = (self.first / (1 - 0.9**self.count)) / (
            np.sqrt(self.second / (1 - 0.95**self.count)) + 1e-8
        )
        before = self.weights
        self.weights = before - self.lr * update - self.lr * self.weight_decay * before
        return before, update


def test_forces_in_the_loop_are_exact():
    adam = AdamW((40, 30), 1e-2, 0.3)
    for _ in range(200):
        before, update = adam.step()
        found = update_forces(before, update, lr=1e-2, weight_decay=0.3, after=adam.weights)
        square = np.sum(before**2)
        assert abs(found.closure_error) <= 1e-12 * square
        assert found.change == pytest.approx(np.sum(adam.weights**2) - square, abs=1e-12 * square)
        assert found.decay < 0 < found.injection
        assert found.decay == pytest.approx(-2 * 1e-2 * 0.3 * square, rel=1e-12)
        assert found.injection == pytest.approx(1e-4 * np.sum(update**2), rel=1e-12)
        assert found.alignment == pytest.approx(-2 * 1e-2 * np.sum(before * update), rel=1e-9)


def test_the_matrix_after_the_step_turns_the_injection_round():
    adam = AdamW((40, 30), 1e-2, 0.3)
    for _ in range(50):
        before, update = adam.step()
    wrong = update_forces(adam.weights, update, lr=1e-2, weight_decay=0.3)
    right = update_forces(before, update, lr=1e-2, weight_decay=0.3)
    assert wrong.alignment - right.alignment == pytest.approx(2 * right.injection, rel=0.05)


def test_signs():
    along = update_forces([1.0, 0.0], [1.0, 0.0], lr=0.1, weight_decay=0.0)
    against = update_forces([1.0, 0.0], [-1.0, 0.0], lr=0.1, weight_decay=0.0)
    assert along.alignment < 0 < against.alignment
    assert (along.decay, along.crossed) == (0, 0)
    assert along.change == pytest.approx(0.9**2 - 1)


def test_wrong_settings_leave_a_closure_error():
    adam = AdamW((40, 30), 1e-2, 0.3)
    before, update = adam.step()
    square, after = float(np.sum(before**2)), float(np.sum(adam.weights**2))
    numbers = (square, float(np.sum(before * update)), float(np.sum(update**2)))
    found = step_forces(*numbers, lr=1e-2, weight_decay=0.1, square_after=after)
    assert found.closure_error == pytest.approx(-2 * 1e-2 * 0.2 * square, rel=0.05)
    assert math.isnan(step_forces(*numbers, lr=1e-2, weight_decay=0.3).closure_error)
    json.dumps(step_forces(*numbers, lr=1e-2, weight_decay=0.3).to_dict(), allow_nan=False)
    with pytest.raises(ValueError, match="differ"):
        update_forces(before, update[:3], lr=1e-2, weight_decay=0.3)


def test_low_precision_arrays_are_summed_in_double():
    weights = np.full(100_000, 300.0, np.float16)
    found = update_forces(weights, np.zeros_like(weights), lr=1.0, weight_decay=0.5)
    assert found.decay == -9e9


# ---------------------------------------------------------------- between checkpoints


@pytest.mark.parametrize("every", [1, 10, 50])
def test_decay_between_checkpoints(every):
    """What is known of the loop bounds how far decay between checkpoints is off."""
    lr, decay, steps = 2e-3, 0.5, 600
    settings = RunSettings(optimizer="adamw", lr=lr, weight_decay=decay, schedule="constant")
    adam = AdamW((60, 50), lr, decay)
    squares, true_decay = [float(np.mean(adam.weights**2))], []
    for _ in range(steps):
        before, update = adam.step()
        forces = update_forces(before, update, lr=lr, weight_decay=decay)
        true_decay.append(forces.decay / before.size)
        squares.append(float(np.mean(adam.weights**2)))
    for first in range(0, steps, every):
        last = first + every
        found = interval_forces(settings, (first, last), (squares[first], squares[last]))
        true = math.fsum(true_decay[first:last])
        assert found.change == squares[last] - squares[first]
        assert found.decay + found.updates == pytest.approx(found.change)
        assert math.isnan(found.injection) and math.isnan(found.alignment)
        # half a step's change lies between a sum over steps and an integral
        assert abs(found.decay - true) <= found.closure_error + 0.01 * abs(true)


def test_the_size_of_lions_updates_is_known():
    settings = RunSettings(
        optimizer="lion", lr=1e-3, weight_decay=1.0, schedule="linear", steps=900
    )
    found = interval_forces(settings, (0, 900), (4e-4, 5e-4))
    squares = [(settings.rate_sum(i + 1) - settings.rate_sum(i)) ** 2 for i in range(900)]
    assert found.injection == pytest.approx(math.fsum(squares), rel=1e-9)
    assert found.injection + found.alignment == pytest.approx(found.updates)


@pytest.mark.parametrize(
    ("changes", "squares"),
    [
        ({"weight_decay": None}, (1.0, 1.0)),
        ({"schedule": None}, (1.0, 1.0)),
        ({"optimizer": "adam"}, (1.0, 1.0)),
        ({"optimizer": "hyperball"}, (1.0, 1.0)),
        ({}, (1.0, math.nan)),
        ({}, (0.0, 1.0)),
    ],
)
def test_what_is_not_known_gives_no_forces(changes, squares):
    known = {"optimizer": "adamw", "lr": 1e-3, "weight_decay": 0.1, "schedule": "constant"}
    assert interval_forces(RunSettings(**known), (0, 10), (1.0, 1.0)) is not None
    assert interval_forces(RunSettings(**known | changes), (0, 10), squares) is None
