"""A diagnosis as a document, a page and sentences."""

from __future__ import annotations

import json
import math

import ml_dtypes
import numpy as np
import pytest

import weightgauge as wg
from diagnosed import (
    GAUSSIAN,
    LAYER,
    NAMES,
    OLMO,
    by_kind,
    joined,
    run,
    stored,
    weibull,
)


def test_the_document(made_model):
    path = made_model(OLMO)
    found = wg.diagnose(path, lr=1e-3, weight_decay=0.1, steps=1000)
    document = found.to_dict()
    assert document["schema_version"] == 1
    for key in ("architecture", "kinds", "outliers", "training", "nearest", "alerts", "summary"):
        assert key in document
    for key in ("kind", "k_median", "regime", "verdict", "expected"):
        assert key in document["kinds"][0]
    assert document["kinds"][0]["expected"] == [0.76, 0.99]
    assert document["nearest"][0] == {"id": "olmo-1-7b", "distance": found.nearest[0][1]}
    assert document["training"]["tau"] == pytest.approx(10_000)
    text = run("diagnose", path, "--lr", 1e-3, "--weight-decay", 0.1, "--steps", 1000, "--json")
    assert json.loads(text.stdout) == json.loads(json.dumps(document, allow_nan=False))


def test_saved_counts_give_the_same_diagnosis(made_model, tmp_path):
    path = made_model(OLMO)
    wg.scan(path).save(tmp_path / "kept.wghist")
    assert wg.diagnose(tmp_path / "kept.wghist").to_dict() == wg.diagnose(path).to_dict()
    again = wg.diagnose(path, baseline=tmp_path / "kept.wghist")
    assert {kind.drift for kind in again.kinds} == {0.0}


def test_the_page(made_model):
    text = run("diagnose", made_model(OLMO, blocks=2)).stdout
    lines = text.splitlines()
    assert (
        lines[1] == "llama; 2 blocks; hidden 128; MHA 4 heads of 32; q, k and v stored separately"
    )
    header = next(line for line in lines if line.startswith("kind"))
    assert header.split()[:4] == ["kind", "slices", "k", "median"]
    for heading in ("By kind", "Nearest published models", "To look at", "Summary"):
        assert heading in lines
    assert "olmo-1-7b" in text and "Training" not in lines


def test_the_table_of_kinds_as_csv(made_model):
    lines = run("diagnose", made_model(OLMO), "--format", "csv").stdout.splitlines()
    assert lines[0].startswith("kind,tower,slices,k_median,k_se,")
    assert len(lines) == 8 and "0.76..0.99" in lines[1]


@pytest.mark.parametrize(
    "arguments",
    [
        ["--lr", "1e-3"],
        ["--schedule", "cosine"],
        ["--warmup", "5"],
        ["--lr", "0", "--weight-decay", "0.1", "--steps", "10"],
        ["--lr", "nan", "--weight-decay", "0.1", "--steps", "10"],
        ["--lr", "1", "--weight-decay", "1", "--steps", "1", "--warmup", "2"],
        ["--init", "xavier"],
    ],
)
def test_wrong_command_lines(arguments):
    result = run("diagnose", "nothing", *arguments)
    assert result.exit_code == 2 and "Usage:" in result.stderr


def test_sentences_follow_from_the_numbers(made_model):
    found = wg.diagnose(
        made_model(OLMO), lr=1e-3, weight_decay=0.1, steps=12_000, schedule="linear"
    )
    kinds, text = by_kind(found), joined(found)
    assert (
        f"In strong selection (k below 0.95): q {kinds['q'].k_median:.3f}, "
        f"k {kinds['k'].k_median:.3f}." in found.summary
    )
    assert f"In mild selection (k 0.95 to 1.18): v {kinds['v'].k_median:.3f}, o " in text
    gate = f"gate {kinds['gate'].k_median:.3f}"
    assert f"In the Transmission Class (k 1.18 to 1.21, as Gaussian weights): {gate}" in text
    assert "As in published models with such attention: q (0.76 to 0.99), k (0.76 to 0.99)." in text
    assert "Outside the Transmission Class, to which they usually belong: o." in text
    drift, error = 100 * kinds["q"].drift, 100 * kinds["q"].drift_se
    assert f"since initialisation (normal, k 1.2054): q {drift:+.1f}±{error:.1f} % (mild)" in text
    assert (
        "Training lasted 1.20 tau: saturated; with the linear schedule 0.60, approaching." in text
    )
    distance = found.nearest[0][1]
    assert found.summary[-1] == (
        f"The nearest published model is olmo-1-7b: {distance:.3f} in k, over q, k, v, o, gate, "
        "up, down."
    )


def test_missing_kinds_are_told_with_the_distance(made_model):
    found = wg.diagnose(made_model({"q": 0.85, "k": 0.8, "o": 1.05}))
    name = found.nearest[0][0]
    alone = wg.reference.models()[name].kinds.keys() - {"q", "k", "o"}
    assert found.nearest_kinds == ("q", "k", "o")
    assert (
        f"over q, k, o; {len(alone)} kinds that only one of the two has count 0.25 each."
        in joined(found)
    )


def test_the_tower_with_most_kinds_is_compared(tmp_path, write_checkpoint):
    tensors = {}
    for part in ("q_proj", "k_proj", "v_proj", "out_proj"):
        name = f"text_model.encoder.layers.0.self_attn.{part}.weight"
        tensors[name] = stored(weibull(0.9, (128, 128)))
    tensors["vision_model.encoder.layers.0.self_attn.out_proj.weight"] = stored(
        weibull(GAUSSIAN, (128, 128))
    )
    found = wg.diagnose(write_checkpoint(tmp_path / "m.safetensors", tensors))
    assert found.nearest_kinds == ("q", "k", "v", "o")


@pytest.mark.parametrize("name", list(wg.reference.models()))
def test_published_models_are_told_to_be_usual_but_for_two_outputs(name):
    from weightgauge.diagnosis.expected import ROUNDING

    model = wg.reference.models()[name]
    outside = set()
    for kind, medians in model.kinds.items():
        wanted = wg.diagnosis.expected_range(kind, attention=model.attention, storage=model.storage)
        if wanted is not None:
            margin = 0 if wanted == (1.18, 1.21) else ROUNDING
            band = (wanted[0] - margin, wanted[1] + margin)
            if wg.diagnosis.verdict(medians.k, 1e-6, band) == "outside":
                outside.add(kind)
    assert outside == ({"o"} if name in ("olmo-1-7b", "qwen2.5-7b") else set())


def test_entropy_is_that_of_codes_or_not_given(tmp_path, write_checkpoint):
    codes_ = weibull(GAUSSIAN, (128, 128), lam=1.0).astype(ml_dtypes.float8_e4m3fn)
    raw = ("F8_E4M3", codes_.shape, codes_.tobytes())
    tensors = {
        LAYER.format(0, NAMES["q"]): raw,
        LAYER.format(0, NAMES["k"]): raw,
        LAYER.format(0, NAMES["k"]) + "_scale": stored(np.float32(0.1)),
        LAYER.format(0, NAMES["v"]): raw,
        LAYER.format(0, NAMES["v"]) + "_scale_inv": stored(np.full((2, 2), 0.1)),
    }
    found = wg.diagnose(write_checkpoint(tmp_path / "m.safetensors", tensors))
    entropy = {
        item.kind: tails.code_entropy
        for item, tails in zip(found.slices, found.tails, strict=True)
        if tails is not None
    }
    assert 4 < entropy["q"] < 8 and entropy["k"] == entropy["q"] and math.isnan(entropy["v"])
