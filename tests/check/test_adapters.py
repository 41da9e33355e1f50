"""`check --adapter`: whether a low-rank adapter fits the model, and is whole."""

from __future__ import annotations

import json

import numpy as np
import pytest
from safetensors.numpy import save_file

import weightgauge as wg
from checked import put, run, trained
from weightgauge.errors import OtherModelError


def test_adapters_fit_their_model(healthy, tmp_path):
    rng = np.random.default_rng(3)

    def drawn(shape):
        return (0.02 * rng.standard_normal(shape)).astype(np.float32)

    def adapter(name, columns, module="model.layers.0.self_attn.q_proj"):
        factors = {
            f"base_model.model.{module}.lora_A.weight": drawn((4, columns)),
            f"base_model.model.{module}.lora_B.weight": drawn((64, 4)),
        }
        more = "base_model.model.model.layers.1.self_attn.q_proj"
        factors |= {
            f"{more}.lora_A.weight": drawn((4, 64)),
            f"{more}.lora_B.weight": drawn((64, 4)),
        }
        path = put(tmp_path / name, factors)
        (path / "adapter_config.json").write_text(json.dumps({"r": 4, "lora_alpha": 8}))
        return path

    fitting = wg.check(healthy, adapter=adapter("fits", 64))
    assert not {each.id for each in fitting.findings} & {"adapter-target", "adapter-shape"}
    wrong = wg.check(healthy, adapter=adapter("wrong", 32))
    assert [each.id for each in wrong.findings if each.level == "fault"] == ["adapter-shape"]
    absent = wg.check(healthy, adapter=adapter("absent", 64, "model.layers.9.self_attn.q_proj"))
    assert [each.id for each in absent.findings if each.level == "fault"] == ["adapter-target"]
    with pytest.raises(OtherModelError, match="no adapter"):
        wg.check(healthy, adapter=healthy)


@pytest.mark.parametrize(
    ("name", "shape", "told"),
    [
        ("lm_head.weight", (256, 64), None),
        ("lm_head.weight", (256, 32), "fault"),
        ("lm_head.weight", (250, 64), "fault"),
        ("lm_head.weight", (258, 64), "warning"),  # tokens were added
        ("model.embed_tokens.weight", (258, 64), "warning"),
        ("lm_head.modules_to_save.default.weight", (256, 32), "fault"),
        ("lm_head.modules_to_save.weight", (256, 32), "fault"),
        ("model.norm.weight", (65,), "fault"),
        ("classifier.weight", (2, 64), None),  # a head of its own
    ],
)
def test_what_an_adapter_stores_whole_has_the_shape_of_the_models(
    name, shape, told, healthy, tmp_path
):
    rng = np.random.default_rng(3)
    stem = "base_model.model.model.layers.1.self_attn.q_proj.lora_"
    tensors = {f"{stem}A.weight": (4, 64), f"{stem}B.weight": (64, 4)}
    tensors[f"base_model.model.{name}"] = shape
    drawn = {key: 0.02 * rng.standard_normal(of) for key, of in tensors.items()}
    path = put(tmp_path / "a", {key: values.astype(np.float32) for key, values in drawn.items()})
    (path / "adapter_config.json").write_text('{"r": 4, "lora_alpha": 8}')
    found = [each for each in wg.check(healthy, adapter=path).findings if "adapter" in each.id]
    assert [each.level for each in found if each.id == "adapter-shape"] == ([told] if told else [])
    assert all(str(list(shape)) in each.message for each in found if each.id == "adapter-shape")


def test_the_adapter_is_looked_at_as_well(healthy, tmp_path):
    """Every sickness that a check of the adapter alone finds, and named as the adapter's."""
    rng = np.random.default_rng(9)
    stem = "base_model.model.model.layers.0.self_attn.{}_proj.lora_{}.weight"
    a, b = stem.format("q", "A"), stem.format("q", "B")

    def made(name, spoil):
        tensors = {
            stem.format(kind, half): (0.02 * rng.standard_normal(shape)).astype(np.float32)
            for kind, rows in (("q", 64), ("v", 32))
            for half, shape in (("A", (8, 64)), ("B", (rows, 8)))
        }
        spoil(tensors)
        path = tmp_path / name
        path.mkdir()
        save_file(tensors, path / "adapter_model.safetensors")
        (path / "adapter_config.json").write_text('{"r": 8, "lora_alpha": 16}')
        return path

    def zero_seconds(tensors):
        for name in tensors:
            if "lora_B" in name:
                tensors[name][:] = 0

    cases = {
        "nan": (lambda tensors: tensors[b].fill(np.nan), {"non-finite"}),
        "zero": (lambda tensors: tensors[a].fill(0), {"all-zero"}),
        "no B": (lambda tensors: tensors.pop(b), {"missing-part"}),
        "no A": (lambda tensors: tensors.pop(a), {"missing-part"}),
        "whole": (lambda tensors: None, set()),
        "untrained": (zero_seconds, set()),
    }
    for name, (spoil, expected) in cases.items():
        path = made(name, spoil)
        found = wg.check(healthy, adapter=path)
        faults = [each for each in found.findings if each.level == "fault"]
        assert {each.id for each in faults} == expected, name
        assert {each.model for each in faults} <= {"adapter"}
        assert found.exit_code == wg.check(path).exit_code == (4 if expected else 0), name
        assert found.measured == found.tensors == len(trained())
        page = run(healthy, "--adapter", path, "-q").stdout
        assert f"looked at with the adapter {path}" in page
        assert found.to_dict()["adapter"] == str(path)
        if name == "untrained":
            notes = [each for each in found.findings if each.id == "untrained-adapter"]
            assert notes and all(each.model == "adapter" for each in notes)


def test_an_adapter_of_lone_halves_is_a_fault_and_not_refused(healthy, tmp_path):
    name = "base_model.model.model.layers.0.self_attn.q_proj.lora_A.weight"
    path = put(tmp_path / "adapter", {name: np.ones((8, 64), np.float32) * 0.01})
    found = wg.check(healthy, adapter=path)
    assert ("missing-part", "adapter", name) in [
        (each.id, each.model, each.tensor) for each in found.findings
    ]
