"""The published medians, and the nearest of them."""

from __future__ import annotations

import math

import numpy as np
import pytest

import weightgauge as wg
from weightgauge.anatomy.components import KINDS

IDS = (
    *("pythia-70m", "pythia-160m", "pythia-410m", "pythia-1b", "pythia-6.9b"),
    *("olmo-1-7b", "olmo-2-7b", "llama-3-8b", "mistral-7b"),
    *("qwen2.5-7b", "qwen2.5-14b", "qwen3-8b"),
)
ENTRIES = wg.reference.models()


def shapes(name):
    return {kind: medians.k for kind, medians in ENTRIES[name].kinds.items()}


def test_twelve_models_and_eleven_qwen_models():
    assert tuple(ENTRIES) == IDS
    assert len(wg.reference.qwen_cohort()) == 11


@pytest.mark.parametrize("name", IDS)
def test_entries_are_in_the_units_and_ranges_that_are_stated(name):
    entry = ENTRIES[name]
    assert entry.id == name
    assert entry.kinds.keys() <= set(KINDS)
    assert entry.storage == ("merged" if "qkv" in entry.kinds else "separate")
    for medians in entry.kinds.values():
        assert 0.7 < medians.k < 1.3
        assert 0 < medians.lam < 0.1
        assert 0.9 < medians.r2 <= 1
    assert entry.training.confidence in ("explicit", "inferred", "estimated")


@pytest.mark.parametrize(
    ("name", "published"),
    [("pythia-70m", 1.43), ("olmo-1-7b", 14.31), ("llama-3-8b", 30.0), ("qwen3-8b", 110.0)],
)
def test_steps_per_tau_are_the_published_ones(name, published):
    assert ENTRIES[name].training.steps_per_tau == pytest.approx(published, rel=1e-3)


def test_the_tables_cannot_be_changed():
    with pytest.raises(TypeError):
        ENTRIES["pythia-70m"] = None
    with pytest.raises(TypeError):
        ENTRIES["pythia-70m"].kinds["q"] = None


@pytest.mark.parametrize("name", IDS)
def test_each_model_is_its_own_nearest(name):
    ranked = wg.reference.nearest(shapes(name))
    assert ranked[0] == (name, 0.0, len(shapes(name)), None)
    assert ranked[1].distance > 0
    assert [each.distance for each in ranked] == sorted(each.distance for each in ranked)
    # A model with fewer than half as many kinds in common as another is no neighbour.
    common = {other: len(shapes(name).keys() & shapes(other).keys()) for other in IDS}
    assert {each.id: each.kinds for each in ranked} == {
        other: kinds for other, kinds in common.items() if 2 * kinds >= len(shapes(name))
    }


def distance_to(name, mine):
    return next(each.distance for each in wg.reference.nearest(mine) if each.id == name)


def test_the_distance_is_the_root_mean_square_over_the_kinds_of_both():
    mine = {"o": 1.2, "gate": 1.1, "head": 0.5}  # no published model has a head
    theirs = shapes("llama-3-8b")
    expected = math.sqrt(((1.2 - theirs["o"]) ** 2 + (1.1 - theirs["gate"]) ** 2) / 2)
    assert distance_to("llama-3-8b", mine) == pytest.approx(expected, rel=1e-12)


def test_one_kind_that_agrees_makes_no_neighbour():
    """Pythia stores q, k and v in one tensor, and has three kinds in common with OLMo."""
    mine = shapes("olmo-1-7b") | {"o": shapes("pythia-1b")["o"]}
    assert "pythia-1b" not in {each.id for each in wg.reference.nearest(mine)}
    assert "pythia-1b" in {each.id for each in wg.reference.nearest({"o": mine["o"]})}


def test_ffn_kinds_count():
    base = shapes("mistral-7b")
    moved = base | {kind: base[kind] - 0.3 for kind in ("gate", "up", "down")}
    assert distance_to("mistral-7b", moved) > 0.1


@pytest.mark.parametrize("mine", [{}, {"head": 1.2, "conv": 1.0}, {"q": math.nan}])
def test_nothing_in_common_is_like_no_model(mine):
    assert wg.reference.nearest(mine) == ()


def test_the_distance_has_an_error_where_the_shapes_have():
    """By simulation: medians that scatter about their values by their errors."""
    published = shapes("llama-3-8b")
    rng = np.random.default_rng(5)
    mine = {kind: k + 0.05 * (-1) ** i for i, (kind, k) in enumerate(published.items())}
    errors = {kind: 0.002 * (1 + i) for i, kind in enumerate(published)}

    def of(mine):
        ranked = wg.reference.nearest(mine, errors)
        return next(each for each in ranked if each.id == "llama-3-8b")

    drawn = [
        of({kind: k + errors[kind] * rng.standard_normal() for kind, k in mine.items()}).distance
        for _ in range(4000)
    ]
    assert of(mine).distance_se == pytest.approx(np.std(drawn), rel=0.05)
    assert wg.reference.nearest(mine, {"q": 0.01})[0].distance_se is None
    assert of(published).distance_se == pytest.approx(
        math.sqrt(np.mean(np.square([*errors.values()])))
    )
