"""Drift since initialisation, and the length of training, of whole models."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from diagnosed import (
    GAUSSIAN,
    LAYER,
    NAMES,
    by_kind,
    stored,
)
from weightgauge import demo
from weightgauge.diagnosis.kind_diagnosis import median_error
from weightgauge.errors import OtherModelError


def test_drift_is_measured_from_the_initialisation(made_model):
    rng = np.random.default_rng(1)
    uniform = {
        LAYER.format(b, NAMES["up"]): stored(rng.uniform(-1, 1, (128, 128))) for b in range(6)
    }
    path = made_model({"up": 1.0}, change=uniform)
    assert by_kind(wg.diagnose(path))["ffn_in"].drift_severity == "mild"
    found = wg.diagnose(path, init="uniform")
    assert by_kind(found)["ffn_in"].drift_severity == "invariant"
    assert found.start == "a uniform initialisation (k 1.3751)"


def test_drift_from_a_measured_start(made_model):
    before, after = (
        made_model({"o": GAUSSIAN, "up": GAUSSIAN}, name="a"),
        made_model({"o": 0.8}, name="b"),
    )
    kind = by_kind(found := wg.diagnose(after, baseline=before))["o"]
    start = next(each for each in wg.fit(before).kinds if each.kind == "o")
    assert kind.k_init == start.k_median
    assert kind.drift == pytest.approx(kind.k_median / start.k_median - 1)
    growth = wg.diagnosis.sigma_growth(
        start.k_median, start.lambda_median, kind.k_median, kind.lambda_median
    )
    assert (kind.ln_sigma, kind.lambda_share) == (growth.ln_sigma, growth.lambda_share)
    assert found.start == str(before) and kind.start == "measured"
    errors = [item.k_se_matrix for item in wg.fit(before).slices if item.kind == "o"]
    shapes = [item.k for item in wg.fit(before).slices if item.kind == "o"]
    assert kind.drift_se == pytest.approx(
        math.hypot(
            kind.k_se / start.k_median,
            kind.k_median * median_error(shapes, errors) / start.k_median**2,
        )
    )


def test_kinds_that_the_baseline_lacks_drift_from_the_anchor(made_model):
    before, after = made_model({"o": 1.1}, name="a"), made_model({"o": 1.1, "q": 1.1}, name="b")
    kinds = by_kind(found := wg.diagnose(after, baseline=before))
    assert (kinds["o"].start, kinds["q"].start) == ("measured", "normal")
    assert kinds["q"].k_init == pytest.approx(1.2054, abs=1e-4)
    assert found.start == f"{before}; a normal initialisation (k 1.2054) for q"
    assert "the baseline has no q" in found.warnings[-1]


def test_a_baseline_with_nothing_in_common_is_refused(made_model):
    before, after = made_model({"o": 1.1}, name="a"), made_model({"v": 1.1}, name="c")
    for model in (after, wg.scan(after)):
        with pytest.raises(OtherModelError, match="is another model") as caught:
            wg.diagnose(model, baseline=before)
        assert str(before) in str(caught.value)
        assert "it has o 128x128, which is not here; here v 128x128" in str(caught.value)


MODELS = {
    "llama": lambda: models.llama(seed=1),
    "of four blocks": lambda: models.llama(seed=1, blocks=4),
    "of half the width": lambda: models.llama(seed=1, hidden=64),
    "of other FFNs": lambda: models.llama(seed=1, inner=128),
    "with experts": lambda: models.llama(seed=1, experts=4),
    "gpt2": lambda: models.gpt2(seed=1),
}


@pytest.mark.parametrize("other", [name for name in MODELS if name != "llama"])
@pytest.mark.parametrize("turned", [False, True])
def test_a_baseline_of_another_model_is_refused(other, turned, write_checkpoint, tmp_path):
    paths = [
        models.put(write_checkpoint, tmp_path / name, *MODELS[name]()) for name in ("llama", other)
    ]
    model, before = paths[::-1] if turned else paths
    with pytest.raises(OtherModelError, match="is another model than"):
        wg.diagnose(model, baseline=before)


def test_a_baseline_may_have_other_tokens_and_lack_its_head(write_checkpoint, tmp_path):
    tensors, config = models.llama(seed=1)
    model = models.put(write_checkpoint, tmp_path / "a", tensors, config)
    before = dict(tensors)
    del before["lm_head.weight"]
    before["model.embed_tokens.weight"] = before["model.embed_tokens.weight"][:-8]
    path = models.put(write_checkpoint, tmp_path / "b", before, config | {"vocab_size": 504})
    found = wg.diagnose(model, baseline=path)
    assert by_kind(found)["q"].drift == 0.0


def test_the_class_has_one_verdict():
    from weightgauge.diagnosis.kind_diagnosis import _usual

    for k in (1.176, 1.179, 1.1805, 1.2095, 1.2105, 1.214):
        assert _usual(k, 5e-4, (1.18, 1.21)) == wg.diagnosis.regime(k, 1.0, 5e-4).verdict
    assert _usual(1.1638, 1e-4, (1.10, 1.16)) == "inside"  # published as 1.16


def test_patterns_that_leave_nothing_of_the_baseline(made_model):
    before, after = made_model({"o": 1.1}, name="a"), made_model({"o": 1.1, "q": 1.1}, name="b")
    found = wg.diagnose(after, baseline=before, include="*q_proj*")
    assert (
        found.start == "a normal initialisation (k 1.2054)"
        and "the baseline has no q" in found.warnings[-1]
    )


def test_patterns_choose_in_the_baseline_too(made_model):
    path = made_model({"o": 1.1, "q": 1.0})
    found = wg.diagnose(path, baseline=path, include="*layers.0.*")
    assert {kind.drift for kind in found.kinds} == {0.0}


def test_the_demo_has_not_drifted_at_step_0():
    found = wg.diagnose(demo.paths()["step-0"])
    assert {kind.drift_severity for kind in found.kinds} == {"invariant"}


def test_no_change_is_told_of_that_may_be_chance(made_model):
    found = wg.diagnose(made_model({"o": 1.0, "q": GAUSSIAN}))
    (told,) = (each for each in found.summary if each.startswith("Change of k"))
    kinds = by_kind(found)
    assert abs(kinds["q"].drift) <= 2 * kinds["q"].drift_se
    assert abs(kinds["o"].drift) > 2 * kinds["o"].drift_se
    graded = dict(re.findall(r"(\w+) [-+][\d.]+±[\d.]+ % \(([^)]*)\)", told))
    assert graded == {"q": "within twice its error", "o": "mild"}


# -- training


def test_the_length_of_training(made_model):
    path = made_model({"o": 1.19}, blocks=1)
    run = wg.diagnose(path, lr=1e-3, weight_decay=0.01, steps=143_000, schedule="cosine").training
    assert (run.state, run.scheduled_state) == ("saturated", "approaching")
    assert wg.diagnose(path).training is None
    with pytest.raises(ValueError, match="together"):
        wg.diagnose(path, lr=1e-3)
    with pytest.raises(ValueError, match="together"):
        wg.diagnose(path, schedule="cosine")
