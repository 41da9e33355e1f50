"""Matrices that stand out among those of their kind: thresholds, trend, least differences."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weightgauge as wg
from made_fits import made_slice
from weightgauge.diagnosis.outliers import outliers, threshold
from weightgauge.diagnosis.slice_group import slice_groups


def found(shapes, *, blocks=None, scales=None, k_se=1e-9, ln_lambda_se=1e-9):
    """Outliers among matrices of one kind, whose errors are those of rows and columns."""
    slices = [
        made_slice(
            f"blocks.{i}.o",
            "o",
            None if blocks is None else blocks[i],
            k=k,
            k_se=1e-9,
            k_se_matrix=k_se,
            lam=0.02 if scales is None else scales[i],
            ln_lambda_se=1e-9,
            ln_lambda_se_matrix=ln_lambda_se,
        )
        for i, k in enumerate(shapes)
    ]
    return outliers(slice_groups(slices))


def share_beyond(values, limit):
    """Share of the rows of which one value or more is that many robust deviations out.

    Thresholds are rounded to two digits, which moves the share by up to a fifth of itself.
    """
    rest = np.abs(values - np.median(values, axis=1, keepdims=True))
    spread = 1.4826 * np.median(rest, axis=1, keepdims=True)
    return (rest > limit * spread).any(axis=1).mean()


def test_a_matrix_stands_out_from_the_threshold_on():
    values = [1.10, 1.11, 1.12, 1.13, 1.14, 1.15]
    # Median 1.13, deviations 0.03 0.02 0.01 0 0.01 0.02 and that of the odd one: their median is
    # 0.02, the robust standard deviation 0.029652. Seven matrices: between 5.5 and 4.9, in the
    # logarithm of their number.
    limit = 5.5 - 0.6 * math.log(7 / 6) / math.log(8 / 6)
    assert threshold(7) == pytest.approx(limit, rel=1e-12)
    assert found([*values, 1.13 + (limit - 0.01) * 0.029652]) == ()
    (odd,) = found([*values, 1.13 + (limit + 0.01) * 0.029652])
    assert (odd.tensor, odd.quantity) == ("blocks.6.o", "k")
    assert odd.expected == 1.13 and odd.z == pytest.approx(limit + 0.01, abs=1e-4)


@pytest.mark.parametrize("members", [5, 6, 8, 12, 24, 80])
def test_one_group_of_normal_values_in_twenty_passes_the_threshold(members):
    """Simulated apart from the code: medians and median absolute deviations by NumPy."""
    values = np.random.default_rng(members).standard_normal((20_000, members))
    assert share_beyond(values, threshold(members)) == pytest.approx(0.05, abs=0.01)


@pytest.mark.parametrize("members", [8, 12, 24, 80])
def test_one_group_in_twenty_passes_it_after_a_trend_was_removed(members):
    values = np.random.default_rng(members).standard_normal((4000, members))
    left, right = np.triu_indices(members, 1)
    slopes = (values[:, right] - values[:, left]) / (right - left)
    rest = values - np.median(slopes, axis=1)[:, None] * np.arange(members)
    assert share_beyond(rest, threshold(members, trend=True)) == pytest.approx(0.05, abs=0.012)


def test_a_larger_number_needs_a_smaller_z():
    limits = [threshold(members) for members in range(5, 200)]
    assert limits == sorted(limits, reverse=True)
    assert (limits[0], limits[-1]) == (7.8, 3.8)


def test_a_trend_with_depth_is_no_outlier():
    blocks = range(9)
    trend = [1.2 - 0.03 * block for block in blocks]
    assert found(trend, blocks=blocks) == ()
    # What the middle block has is odd in the last one.
    (odd,) = found([*trend[:8], trend[4]], blocks=blocks)
    assert odd.block == 8 and odd.expected == pytest.approx(trend[8]) and odd.z > 0


@pytest.mark.parametrize("blocks", [None, [0, 1, 2, 3, 4, 5, 6, 6, 6, 6]])
def test_without_eight_blocks_there_is_no_trend(blocks):
    values = [1.2 - 0.03 * i for i in range(9)]
    (odd,) = found([*values, 2.0], blocks=blocks)
    assert odd.expected == pytest.approx(np.median([*values, 2.0]))


@pytest.mark.parametrize(("off", "stands_out"), [(0.049, False), (0.051, True), (-0.051, True)])
def test_small_differences_in_k_are_nothing_however_regular_the_others_are(off, stands_out):
    assert bool(found([1.13] * 6 + [1.13 + off])) is stands_out


@pytest.mark.parametrize(("factor", "stands_out"), [(1.25, False), (1.3, True), (1 / 1.3, True)])
def test_small_differences_in_lambda_are_nothing(factor, stands_out):
    odd = found([1.2] * 7, scales=[0.02] * 6 + [0.02 * factor])
    assert [each.quantity for each in odd] == (["ln lambda"] if stands_out else [])


def test_the_error_of_the_matrix_counts():
    values = [1.13] * 6 + [1.23]
    (odd,) = found(values, k_se=0.01)
    assert odd.se == 0.01 and odd.z == pytest.approx(10.0)
    assert not found(values, k_se=0.03)
    scales = [0.02] * 6 + [0.03]  # ln 1.5 = 0.405
    assert found([1.2] * 7, scales=scales, ln_lambda_se=0.05)
    assert not found([1.2] * 7, scales=scales, ln_lambda_se=0.1)


def test_fewer_than_five_have_no_outliers():
    assert found([1.2, 1.2, 1.2, 5.0]) == () != found([1.2, 1.2, 1.2, 1.2, 5.0])


KINDS = {
    "q": "self_attn.q_proj",
    "k": "self_attn.k_proj",
    "v": "self_attn.v_proj",
    "o": "self_attn.o_proj",
    "up": "mlp.up_proj",
    "down": "mlp.down_proj",
}


def healthy_model(rng, blocks):
    """Matrices with scales of rows and columns, a tenth of scatter, and a trend with depth."""
    weights = {}
    for name in KINDS.values():
        spread = rng.uniform(0.05, 0.4)  # of the scales of rows and columns
        trend = rng.normal(0, 0.4)  # of ln lambda from the first block to the last
        for block in range(blocks):
            own = spread * np.exp(0.1 * rng.standard_normal())
            scale = np.exp(
                own * (rng.standard_normal((64, 1)) + rng.standard_normal((1, 96)))
                + trend * block / blocks
                + 0.1 * rng.standard_normal()
            )
            values = 0.02 * scale * rng.standard_normal((64, 96))
            weights[f"model.layers.{block}.{name}.weight"] = values.astype(np.float32)
    return weights


def test_few_groups_of_healthy_models_are_flagged():
    rng = np.random.default_rng(26)
    flagged = total = 0
    for model in range(60):
        fit = wg.fit(healthy_model(rng, (6, 12, 24)[model % 3]))
        groups = slice_groups(fit.slices)
        total += len(groups)
        flagged += len({each.kind for each in outliers(groups)})
    assert total == 60 * len(KINDS)
    assert flagged / total <= 0.05
