"""Regimes, drift, anchors and training progress, at their edges and against quadrature."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import integrate, special, stats

import weightgauge as wg
from weightgauge.diagnosis import (
    attention_type,
    drift,
    expected_range,
    init_anchor,
    regime,
    sigma_growth,
    training_progress,
    training_state,
    verdict,
)

# -- regimes


@pytest.mark.parametrize(
    ("k", "r2", "name"),
    [
        (1.18, 0.95, "transmission"),
        (1.21, 1.0, "transmission"),
        (1.2054, 0.9499, "transmission, poor fit"),
        (math.nextafter(1.18, 0), 1.0, "mild selection"),
        (0.95, 0.5, "mild selection"),
        (math.nextafter(0.95, 0), 0.5, "strong selection"),
        (math.nextafter(1.21, 2), 1.0, "light-tailed"),
        (2.5, 1.0, "light-tailed"),
    ],
)
def test_regimes_at_their_edges(k, r2, name):
    assert regime(k, r2).name == name


def test_the_published_library_calls_two_of_them_mild_selection():
    theirs = pytest.importorskip("npm_weibull").classify_k
    assert "mild" in str(theirs(2.5, 0.99)).lower()
    assert "mild" in str(theirs(1.2, 0.90)).lower()
    assert regime(2.5, 0.99).name == "light-tailed"
    assert regime(1.2, 0.90).name == "transmission, poor fit"


def test_a_model_at_step_0_has_the_init_baseline():
    assert regime(1.2099, step=0).name == "init baseline"
    assert regime(1.2155, step=0).name == "light-tailed"
    assert regime(1.2099, step=1).name == "transmission"
    assert regime(1.375, step=0, k_init=init_anchor("uniform").k).name == "init baseline"


@pytest.mark.parametrize(("k_se", "band"), [(-0.1, (1.18, 1.21)), (0.1, (1.21, 1.18))])
def test_there_is_no_verdict_of_nonsense(k_se, band):
    with pytest.raises(ValueError, match="no verdict"):
        verdict(1.2, k_se, band)


@pytest.mark.parametrize(
    ("k", "se", "wanted"),
    [
        (1.195, 0.0076, "inside"),  # 1.96 x 0.0076 = 0.0149 < 0.015
        (1.195, 0.0078, "undecided"),
        (1.18, 0.001, "undecided"),
        (1.17, 0.0051, "outside"),
        (1.17, 0.0052, "undecided"),
        (1.22, 0.0051, "outside"),
        (1.195, math.nan, "undecided"),
        (1.195, 0.0, "inside"),
    ],
)
def test_verdicts_take_the_standard_error_into_account(k, se, wanted):
    assert verdict(k, se, (1.18, 1.21)) == wanted
    assert regime(k, 1.0, se).verdict == wanted


def test_a_head_of_gaussian_weights_is_never_found_guilty():
    """A third of such small Gaussian matrices has k outside the band: none by this verdict."""
    rng = np.random.default_rng(2)
    fits = [wg.fit_weibull(rng.standard_normal(16_384)) for _ in range(300)]
    share = np.mean([1.18 <= fit.k <= 1.21 for fit in fits])
    assert share == pytest.approx(0.68, abs=0.09)  # 300 drawings: three standard errors
    found = [regime(fit.k, fit.r2, fit.k_se).verdict for fit in fits]
    assert found.count("outside") <= 0.03 * len(fits)


@pytest.mark.parametrize(("k", "r2"), [(0, 1), (math.nan, 1), (math.inf, 1), (1.2, 1.5), (1.2, -1)])
def test_there_is_no_regime_of_nothing(k, r2):
    with pytest.raises(ValueError, match="not"):
        regime(k, r2)


# -- what is usual


@pytest.mark.parametrize("name", list(wg.reference.models()))
def test_published_models_lie_in_the_ranges_made_from_them(name):
    model = wg.reference.models()[name]
    for kind, medians in model.kinds.items():
        wanted = expected_range(kind, attention=model.attention, storage=model.storage)
        if wanted is None:
            assert kind == "v"
        elif kind in ("q", "k", "qkv"):
            # Medians were rounded to two decimals to make the ranges.
            assert wanted[0] - 0.005 <= medians.k <= wanted[1] + 0.005, kind
        elif kind != "o":
            assert 1.175 <= medians.k <= 1.215, kind


def test_grouped_queries_are_not_wanted_in_the_transmission_class():
    # The published library wants that, and so alarms at each of its own five such models.
    assert expected_range("q", attention="GQA", storage="separate") == (1.10, 1.16)


@pytest.mark.parametrize("kind", ["v", "embed", "router", "other", "q_a"])
def test_nothing_is_expected_of_what_was_not_published(kind):
    assert expected_range(kind, attention="MHA", storage="separate") is None


@pytest.mark.parametrize(
    ("attention", "storage"), [(None, None), ("MLA", "separate"), ("MHA", "merged")]
)
def test_nothing_is_expected_of_other_queries(attention, storage):
    assert expected_range("q", attention=attention, storage=storage) is None


@pytest.mark.parametrize(
    ("heads", "kv_heads", "name"), [(12, 12, "MHA"), (32, 8, "GQA"), (8, 1, "MQA"), (1, 1, "MHA")]
)
def test_attention_is_named_by_its_heads(heads, kv_heads, name):
    assert attention_type(heads, kv_heads) == name


@pytest.mark.parametrize(("heads", "kv_heads"), [(0, 1), (4, 0), (8, 3), (-4, -4), (2, 4)])
def test_heads_that_do_not_divide_have_no_name(heads, kv_heads):
    with pytest.raises(ValueError, match="do not divide"):
        attention_type(heads, kv_heads)


# -- anchors

ANCHORS = {
    ("normal", 2.0): (1.205434319017451, 0.8874870398322663, 1.0),
    ("uniform", 2.0): (1.375118805363, 0.607365596647, 1 / math.sqrt(3)),
    ("truncated normal", 2.0): (1.227173711174, 0.830310252088, stats.truncnorm(-2, 2).std()),
    ("truncated normal", 3.0): (1.206839139398, 0.883947104062, stats.truncnorm(-3, 3).std()),
}


@pytest.mark.parametrize("case", ANCHORS)
def test_anchors_are_the_known_ones(case):
    k, lam, rms = ANCHORS[case]
    found = init_anchor(case[0], cut=case[1])
    assert (found.k, found.lambda_over_rms) == pytest.approx((k, lam / rms), rel=1e-11)


@pytest.mark.parametrize(
    ("trim", "k", "lam"),
    [("mid_90", 1.190922610384, 0.880887883490), ("full", 1.15106659072, 0.874835116855)],
)
def test_anchors_of_other_windows(trim, k, lam):
    found = init_anchor("normal", trim=trim)
    assert (found.k, found.lambda_over_rms) == pytest.approx((k, lam), rel=1e-9)


@pytest.mark.parametrize("size", [16, 400])
def test_the_anchor_of_an_orthogonal_matrix_is_that_of_its_elements(size):
    def moment(f):
        return integrate.quad(f, 0.1, 0.9, epsabs=1e-13)[0] / 0.8

    def log_x(p):
        return math.log(special.betaincinv(0.5, (size - 1) / 2, p)) / 2

    def y(p):
        return math.log(-math.log1p(-p))

    x_mean, y_mean = moment(log_x), moment(y)
    sxx = moment(lambda p: (log_x(p) - x_mean) ** 2)
    sxy = moment(lambda p: (log_x(p) - x_mean) * (y(p) - y_mean))
    assert init_anchor("orthogonal", size=size).k == pytest.approx(sxy / sxx, rel=1e-9)
    assert init_anchor("orthogonal", size=10**9).k == pytest.approx(init_anchor("orthogonal").k)


def test_orthogonal_matrices_have_their_anchor():
    rng = np.random.default_rng(6)
    drawn = [stats.ortho_group.rvs(16, random_state=rng) for _ in range(1500)]
    fit = wg.fit_weibull(np.array(drawn))
    assert abs(fit.k - init_anchor("orthogonal", size=16).k) < 4 * fit.k_se
    assert abs(fit.k - init_anchor("normal").k) > 4 * fit.k_se


def test_the_anchor_follows_the_initialisation():
    """PyTorch's Linear starts uniform: from an anchor of 1.205 it would drift at step 0."""
    uniform = np.random.default_rng(0).uniform(-0.05, 0.05, 100_000)
    fit = wg.fit_weibull(uniform)
    assert drift(fit.k, init_anchor("uniform").k).severity == "invariant"
    assert drift(fit.k, init_anchor("normal").k).severity == "mild"


@pytest.mark.parametrize(
    "given",
    [
        {"init": "xavier"},
        {"trim": "all"},
        {"cut": 0.0},
        {"cut": math.inf},
        {"cut": math.nan},
        {"init": "orthogonal", "size": 1},
    ],
)
def test_unknown_starts_have_no_anchor(given):
    with pytest.raises(ValueError, match="must"):
        init_anchor(**{"init": "normal", **given})


# -- drift


@pytest.mark.parametrize(
    ("k", "severity"),
    [
        (1.0, "invariant"),
        (1.0099, "invariant"),
        (1.01, "mild"),
        (0.99, "mild"),
        (0.7, "mild"),
        (1.3, "mild"),
        (1.3001, "strong"),
        (0.6999, "strong"),
    ],
)
def test_drift_at_its_edges(k, severity):
    assert drift(k, 1.0).severity == severity


def test_the_error_of_drift_is_that_of_a_quotient():
    rng = np.random.default_rng(1)
    now, then = rng.normal(0.9, 0.02, 200_000), rng.normal(1.2, 0.03, 200_000)
    found = drift(0.9, 1.2, k_se=0.02, k_init_se=0.03)
    assert found.relative == pytest.approx(-0.25)
    assert found.relative_se == pytest.approx(np.std(now / then), rel=0.02)


@pytest.mark.parametrize(("k", "k_init"), [(0, 1), (1, 0), (math.nan, 1), (1, math.inf)])
def test_there_is_no_drift_of_nothing(k, k_init):
    with pytest.raises(ValueError, match="positive and finite"):
        drift(k, k_init)


@pytest.mark.parametrize("errors", [{"k_se": -1.0}, {"k_init_se": -1.0}])
def test_errors_of_drift_are_not_negative(errors):
    with pytest.raises(ValueError, match="not negative"):
        drift(1.1, 1.2, **errors)


def test_growth_is_attributed_to_its_factors():
    found = sigma_growth(1.2, 0.02, 0.9, 0.03, rms_before=0.024, rms_after=0.04)
    before, after = stats.weibull_min(1.2, scale=0.02), stats.weibull_min(0.9, scale=0.03)
    assert found.ln_sigma == pytest.approx(math.log(after.std() / before.std()), rel=1e-10)
    assert found.from_lambda + found.from_k == pytest.approx(found.ln_sigma)
    assert found.from_lambda == pytest.approx(math.log(1.5))
    assert found.ln_rms == pytest.approx(math.log(0.04 / 0.024))
    assert found.lambda_share == pytest.approx(
        found.from_lambda / (found.from_lambda + found.from_k)
    )


def test_no_growth_has_no_cause():
    found = sigma_growth(1.2, 0.02, 1.2, 0.02)
    assert found.ln_sigma == 0 and math.isnan(found.lambda_share) and math.isnan(found.ln_rms)
    with pytest.raises(ValueError, match="positive"):
        sigma_growth(1.2, 0.0, 1.2, 0.02)


# -- training


@pytest.mark.parametrize(
    ("ratio", "state"),
    [
        (1.2, "saturated"),
        (1.1999, "near-saturated"),
        (0.8, "near-saturated"),
        (0.7999, "approaching"),
        (0.4, "approaching"),
        (0.3999, "partial"),
        (0.25, "partial"),
        (0.2499, "transition"),
        (0.0, "transition"),
        (math.inf, "saturated"),
    ],
)
def test_states_at_their_edges(ratio, state):
    assert training_state(ratio) == state


@pytest.mark.parametrize(
    ("name", "state"),
    [
        ("pythia-70m", "saturated"),
        ("pythia-160m", "near-saturated"),
        ("pythia-1b", "approaching"),
        ("pythia-6.9b", "transition"),
        ("qwen3-8b", "saturated"),
    ],
)
def test_published_models_have_their_published_states(name, state):
    run = wg.reference.models()[name].training
    found = training_progress(run.peak_lr, run.weight_decay, run.steps)
    assert found.steps_per_tau == pytest.approx(run.steps_per_tau)
    assert found.tau == pytest.approx(1 / (run.peak_lr * run.weight_decay))
    assert found.state == state
    assert found.scheduled_state is None and math.isnan(found.scheduled_steps_per_tau)


@pytest.mark.parametrize(
    ("schedule", "factor"),
    [
        ("constant", lambda share: 1.0),
        ("cosine", lambda share: 0.1 + 0.9 * (1 + math.cos(math.pi * share)) / 2),
        ("linear", lambda share: 1 - share),
    ],
)
@pytest.mark.parametrize("warmup", [0, 2_000])
def test_scheduled_progress_is_the_sum_of_the_rates(schedule, factor, warmup):
    steps, after = 20_000, 20_000 - warmup
    rates = [(t + 0.5) / warmup for t in range(warmup)]
    rates += [factor((t + 0.5) / after) for t in range(after)]
    found = training_progress(3e-4, 0.1, steps, schedule=schedule, warmup=warmup)
    assert found.scheduled_steps_per_tau == pytest.approx(3e-5 * math.fsum(rates), rel=1e-9)
    assert found.scheduled_state == training_state(found.scheduled_steps_per_tau)


def test_cosine_to_a_tenth_is_55_per_cent_of_the_peak():
    found = training_progress(1e-3, 0.01, 143_000, schedule="cosine")
    assert found.scheduled_steps_per_tau == pytest.approx(0.55 * 1.43)


def test_without_weight_decay_nothing_is_forgotten():
    found = training_progress(1e-3, 0.0, 1000)
    assert found.steps_per_tau == 0 and found.state == "transition"
    assert found.to_dict()["tau"] is None


@pytest.mark.parametrize(
    "given",
    [
        {"lr": 0},
        {"lr": math.nan},
        {"weight_decay": -1},
        {"steps": 0},
        {"schedule": "wsd"},
        {"warmup": 11},
        {"warmup": -1},
        {"lr": math.inf},
    ],
)
def test_impossible_runs_are_refused(given):
    run = {"lr": 1e-3, "weight_decay": 0.1, "steps": 10, **given}
    with pytest.raises(ValueError, match="must be"):
        training_progress(**run)
