"""Standard errors from few magnitudes: how often intervals hold, and the words beside them."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file
from scipy import stats

import weightgauge as wg
from oracle import order_fit
from weightgauge.cli.group import main

WORDS = "the standard errors are rough and often too small"
DRAWS = 1_500  # tell a coverage of 0.9 to 0.008
DISTRIBUTIONS = {
    "normal": stats.halfnorm,
    "laplace": stats.expon,
    "lognormal": stats.lognorm(1),
    "uniform": stats.uniform,
}


def coverage(name: str, n: int) -> tuple[float, float]:
    """How often the value of infinitely many elements lies within 1.96 standard errors."""
    many = 200_000
    limit = order_fit(DISTRIBUTIONS[name].ppf((np.arange(many) + 0.5) / many))
    shape = (DRAWS, n)
    draws = DISTRIBUTIONS[name].ppf(np.random.default_rng(n).random(shape))
    fits = [wg.fit_weibull(draw) for draw in draws]
    of_k = [abs(fit.k - limit.k) < 1.96 * fit.k_se for fit in fits]
    of_lambda = [abs(math.log(fit.lam / limit.lam)) < 1.96 * fit.ln_lambda_se for fit in fits]
    return float(np.mean(of_k)), float(np.mean(of_lambda))


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_intervals_hold_where_nothing_is_said(name):
    for n in (100, 300):
        assert min(coverage(name, n)) > 0.89


@pytest.mark.parametrize("name", DISTRIBUTIONS)
def test_intervals_hold_less_often_where_it_is_said(name):
    assert min(coverage(name, 15)) < 0.92


def test_fits_of_few_magnitudes_say_so():
    draws = np.random.default_rng(3).standard_normal(100)
    few = wg.fit_weibull(draws[:99])
    assert (few.status, few.reason) == ("ok", f"only 99 magnitudes: {WORDS}")
    assert few.to_dict()["reason"] == few.reason
    assert wg.fit_weibull(draws).reason == ""
    sparse = wg.fit_weibull(np.concatenate((draws[:30], np.zeros(30))))
    assert sparse.status == "sparse"
    assert "50.0% of the elements are zero" in sparse.reason
    assert WORDS in sparse.reason
    assert WORDS not in wg.fit_weibull(draws[:9]).reason  # there is no standard error


def test_slices_of_few_magnitudes_say_so(tmp_path):
    draws = np.random.default_rng(4).standard_normal((2, 32, 32)).astype(np.float32)
    small, large = "model.layers.0.self_attn.q_proj.weight", "model.layers.0.mlp.up_proj.weight"
    save_file({small: draws[0, :8, :8].copy(), large: draws[1]}, tmp_path / "model.safetensors")
    by_name = {item.tensor: item for item in wg.fit(tmp_path)}
    assert WORDS in by_name[small].reason
    assert by_name[large].reason == ""
    shown = CliRunner().invoke(main, ["fit", str(tmp_path)])
    assert f"{WORDS}: {small}" in " ".join(shown.output.split())
    rows = json.loads(CliRunner().invoke(main, ["fit", str(tmp_path), "--json"]).stdout)["slices"]
    assert [WORDS in row["reason"] for row in rows if row["tensor"] == small] == [True]
