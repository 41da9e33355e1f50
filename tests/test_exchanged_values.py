"""Matrices that hold another one's values: told beside a base of any format, by values alone."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from packed_models import LAYER, METHODS, around, matrices, packed_model, put
from weightgauge.scanning.derived import scan_differences

Q, OUT, UP, UP_BEFORE = (
    LAYER.format(block, module)
    for block, module in (
        (1, "self_attn.q_proj"),
        (1, "self_attn.o_proj"),
        (2, "mlp.up_proj"),
        (1, "mlp.up_proj"),
    )
)
CODES = {"gptq": "qweight", "awq": "qweight", "compressed": "weight_packed"}


def plain(quantised):
    """The weights that were quantised: rounding moved them by up to half a step."""
    rng = np.random.default_rng(7)
    tensors = around()
    for module, each in quantised.items():
        values = each.values()
        steps = each.scales.astype(np.float32)[:, each.groups]
        tensors[f"{module}.weight"] = values + steps * rng.uniform(-0.5, 0.5, values.shape).astype(
            np.float32
        )
    return tensors


@pytest.fixture
def base(tmp_path, write_checkpoint):
    return put(write_checkpoint, tmp_path / "base", plain(matrices()))


@pytest.fixture
def packed(tmp_path, write_checkpoint):
    def make(form, one=None, other=None):
        whole = matrices()
        if one is not None:
            whole[one], whole[other] = whole[other], whole[one]
        return put(write_checkpoint, tmp_path / "m", packed_model(form, whole), METHODS[form])

    return make


def told(found, *rules):
    return {(each.id, each.level, each.tensor, each.value) for each in found if each.id in rules}


def both(base, model):
    """What `compare` and `check` say of exchanged and strange matrices, which is the same."""
    rules = "exchanged", "unlike-base"
    found = told(wg.compare(base, model).findings, *rules)
    assert told(wg.check(model, against=base).findings, *rules) == found
    return found


@pytest.mark.parametrize("form", METHODS)
@pytest.mark.parametrize(("one", "other"), [(Q, OUT), (UP, UP_BEFORE)])
def test_packed_matrices_that_are_exchanged(base, packed, form, one, other):
    leaf = CODES[form]
    assert both(base, packed(form, one, other)) == {
        ("exchanged", "fault", f"{one}.{leaf}", f"{other}.weight"),
        ("exchanged", "fault", f"{other}.{leaf}", f"{one}.weight"),
    }


@pytest.mark.parametrize("form", METHODS)
def test_packed_matrices_in_their_places(base, packed, form):
    assert both(base, packed(form)) == set()


def test_two_packed_models(packed, tmp_path, write_checkpoint):
    """Bytes tell of these too, and each is told of once."""
    first = put(write_checkpoint, tmp_path / "first", packed_model("gptq"), METHODS["gptq"])
    found = wg.check(packed("gptq", Q, OUT), against=first).findings
    named = [each.tensor for each in found if each.id == "exchanged"]
    assert sorted(named) == sorted(
        f"{each}.{leaf}" for each in (Q, OUT) for leaf in ("qweight", "scales")
    )
    changed = wg.compare(first, packed("gptq", Q, OUT)).findings
    assert {each.tensor for each in changed if each.id == "exchanged"} == {
        f"{Q}.qweight",
        f"{OUT}.qweight",
    }


@pytest.fixture
def trained_on(tmp_path, write_checkpoint):
    """Write a plain base and a version of it, all of whose weights moved a little, and damaged."""

    def make(damage, make_model=models.llama):
        tensors, config = make_model()
        first = models.put(write_checkpoint, tmp_path / "base", tensors, config)
        rng = np.random.default_rng(3)
        moved = {
            name: (values.astype(np.float32) + 0.003 * rng.standard_normal(values.shape)).astype(
                ml_dtypes.bfloat16
            )
            for name, values in tensors.items()
        }
        damage(moved)
        return first, models.put(write_checkpoint, tmp_path / "model", moved, config)

    return make


def swapped(one, other):
    def damage(tensors):
        tensors[one], tensors[other] = tensors[other], tensors[one]

    return damage


K, V = (f"model.layers.3.self_attn.{each}_proj.weight" for each in "kv")


def test_a_training_does_not_hide_them(trained_on):
    expected = {("exchanged", "fault", K, V), ("exchanged", "fault", V, K)}
    assert both(*trained_on(swapped(K, V))) == expected


def test_a_training_alone_is_nothing(trained_on):
    assert both(*trained_on(lambda tensors: None)) == set()


def test_parts_of_fused_tensors_are_named(trained_on):
    one, other = (f"h.{block}.attn.c_attn.weight" for block in (1, 4))
    first, model = trained_on(swapped(one, other), models.gpt2)
    found = [each for each in wg.compare(first, model).findings if each.id == "exchanged"]
    assert {(each.tensor, each.part) for each in found} == {
        (name, part) for name in (one, other) for part in "qkv"
    }
    assert f"{one} (q): holds what the base has as {other} (q)" in {e.message for e in found}


@pytest.mark.parametrize(("name", "level"), [(K, "warning"), ("lm_head.weight", "note")])
def test_a_matrix_from_elsewhere(trained_on, name, level):
    def replace(tensors):
        shape = tensors[name].shape
        new = 0.02 * np.random.default_rng(9).standard_normal(shape)
        tensors[name] = new.astype(ml_dtypes.bfloat16)

    first, model = trained_on(replace)
    for found in (wg.compare(first, model), wg.check(model, against=first)):
        ((rule, found_level, tensor, shared),) = told(found.findings, "unlike-base", "exchanged")
        assert (rule, found_level, tensor) == ("unlike-base", level, name)
        assert abs(shared) < 0.05


def test_a_matrix_in_another_order_is_called_that(tmp_path, write_checkpoint):
    tensors, config = models.llama()
    first = models.put(write_checkpoint, tmp_path / "base", tensors, config)
    shuffled = tensors | {K: np.ascontiguousarray(tensors[K][::-1])}
    model = models.put(write_checkpoint, tmp_path / "model", shuffled, config)
    found = wg.compare(first, model).findings
    assert told(found, "exchanged", "unlike-base") == set()
    assert [each.tensor for each in found if each.id == "reordered"] == [K]


def test_a_block_from_elsewhere_in_a_model_that_is_else_equal(tmp_path, write_checkpoint):
    """Matrices whose bytes are equal tell that the two are related."""
    tensors, config = models.llama()
    others, _ = models.llama(seed=1)
    first = models.put(write_checkpoint, tmp_path / "base", tensors, config)
    fresh = {
        name: others[name] for name in tensors if ".layers.4." in name and tensors[name].ndim == 2
    }
    model = models.put(write_checkpoint, tmp_path / "model", tensors | fresh, config)
    for found in (wg.compare(first, model), wg.check(model, against=first)):
        strange = told(found.findings, "unlike-base", "unrelated", "exchanged")
        assert {each[:3] for each in strange} == {
            ("unlike-base", "warning", name) for name in fresh
        }


def test_half_a_model_from_elsewhere_is_not_held_against_all_the_rest(
    tmp_path, write_checkpoint, monkeypatch
):
    """Each try reads two matrices. What is exchanged among near blocks is found all the same."""
    tensors, config = models.llama(blocks=24, hidden=64, inner=64, kv=64, vocab=64)
    others, _ = models.llama(seed=1, blocks=24, hidden=64, inner=64, kv=64, vocab=64)
    first = models.put(write_checkpoint, tmp_path / "base", tensors, config)
    fresh = {name: others[name] for block in range(11) for name in tensors if f".{block}." in name}
    one, other = (f"model.layers.{block}.mlp.up_proj.weight" for block in (5, 6))
    mixed = tensors | fresh | {one: tensors[other], other: tensors[one]}
    model = models.put(write_checkpoint, tmp_path / "model", mixed, config)
    numbers = []

    def counted(one, other, wanted, options, **others):
        numbers.append(len(wanted))
        return scan_differences(one, other, wanted, options, **others)

    monkeypatch.setattr("weightgauge.scanning.derived.scan_differences", counted)
    found = wg.compare(first, model).findings
    assert {each[2:] for each in told(found, "exchanged")} == {(one, other), (other, one)}
    assert len(told(found, "unlike-base")) == 11 * 7 - 2
    assert len(numbers) == 2 and 11 * 7 <= numbers[1] <= 1024


def test_a_copy_of_another_matrix_is_told_of_once(tmp_path, write_checkpoint):
    tensors, config = models.llama()
    first = models.put(write_checkpoint, tmp_path / "base", tensors, config)
    model = models.put(write_checkpoint, tmp_path / "model", tensors | {K: tensors[V]}, config)
    found = wg.check(model, against=first).findings
    assert told(found, "exchanged", "unlike-base") == {("exchanged", "fault", K, V)}


def test_models_that_have_nothing_in_common_are_called_that(tmp_path, write_checkpoint):
    first, model = (
        models.put(write_checkpoint, tmp_path / str(seed), *models.llama(seed=seed))
        for seed in (1, 2)
    )
    assert both(first, model) == set()
    assert told(wg.check(model, against=first).findings, "unrelated")


def test_saved_counts_have_no_values(base, packed, tmp_path):
    model = packed("gptq", Q, OUT)
    wg.scan(base).save(tmp_path / "base.wghist")
    assert both(tmp_path / "base.wghist", model) == set()
