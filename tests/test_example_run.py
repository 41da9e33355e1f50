"""What `examples/train_bytes.py` recorded, three weight decays: the blocks' matrices, in BF16.

The files hold counts alone: nothing was noted of the bytes or of rows, so that `negatives` is 0 in
them, `digest` and `spread` are None, and errors are those of independent weights.
"""

from __future__ import annotations

from pathlib import Path

import pytest

import weightgauge as wg

RUNS = [Path(__file__).with_name("runs") / f"wd-{decay}" for decay in ("0.1", "0.5", "2")]
GAUSSIAN = wg.distributions.init_anchor("normal").k


@pytest.fixture(scope="module")
def tracks():
    return [wg.track(path) for path in RUNS]


def test_steps_and_settings_are_found(tracks):
    for found, decay in zip(tracks, (0.1, 0.5, 2.0), strict=True):
        assert found.steps == (0, 700, 1500)
        assert (found.settings.lr, found.settings.weight_decay) == (3e-3, decay)
        assert found.progress[-1].steps_per_tau == pytest.approx(1500 * 3e-3 * decay)
        assert not found.needs and not found.law


def test_all_matrices_start_gaussian(tracks):
    for found in tracks:
        for kind in found.kinds:
            assert abs(kind.k[0] - GAUSSIAN) < 3 * kind.k_se[0], kind.kind
            assert kind.lam[0] == pytest.approx(0.0178, rel=0.01)
        far = [item for item in found.slices if abs(item.k[0] - GAUSSIAN) > 3 * item.k_se[0]]
        assert len(far) <= 1  # of 14: one in 27 sets has one by chance


def test_lambda_grows_with_little_decay_and_shrinks_with_much(tracks):
    for weak, middle, strong in zip(*(found.kinds for found in tracks), strict=True):
        assert weak.lam[-1] > middle.lam[-1] > weak.lam[0] > strong.lam[-1]
        assert weak.dln_lambda > 50 * weak.dln_lambda_se


def test_feed_forward_shapes_drift_and_more_so_with_more_decay(tracks):
    for name in ("gate", "up", "down"):
        changes = [next(kind.dk for kind in found.kinds if kind.kind == name) for found in tracks]
        assert 0 > changes[0] > changes[1] > changes[2]


def test_the_square_root_law_and_the_schedule_it_needs():
    laws = {law.kind: law for law in wg.scaling(RUNS).laws}
    pooled = laws["pooled"]
    assert pooled.exponent == pytest.approx(1.0, abs=0.1)
    # Where the schedule is summed, one constant is enough for all three runs.
    assert pooled.saturation.error_scheduled < 0.03 < pooled.saturation.error
    assert "prove nothing" in pooled.proves


def test_forces_close_between_the_steps(tracks):
    for found in tracks:
        for intervals in found.forces.values():
            for each in intervals:
                assert each.decay < 0 < each.updates
                assert each.decay + each.updates == pytest.approx(each.change, rel=1e-9)
