"""`check --against`: names, shapes, formats, bytes and what moved beside another version."""

from __future__ import annotations

import dataclasses
import hashlib

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from checked import BLOCK, UP, config, put, run, trained
from weightgauge.errors import OtherModelError


def test_another_model_is_refused(healthy, tmp_path):
    other = {f"encoder.{i}.thing.weight": np.ones((4, 4), np.float32) * i for i in range(9)}
    with pytest.raises(OtherModelError, match="another model"):
        wg.check(healthy, against=put(tmp_path / "other", other))
    assert run(healthy, "--against", tmp_path / "other").exit_code == 1


def test_names_shapes_and_formats_are_compared(healthy, tmp_path):
    tensors = trained()
    del tensors[UP]
    tensors["model.more.weight"] = np.ones((4, 4), np.float32)
    tensors["lm_head.weight"] = tensors["lm_head.weight"][:-8]
    down = BLOCK.format(0) + "mlp.down_proj.weight"
    tensors[down] = tensors[down].astype(np.float16)
    found = wg.check(put(tmp_path / "model", tensors, config()), against=healthy)
    told = {(each.id, each.tensor) for each in found.findings}
    for expected in (
        ("missing-tensor", UP),
        ("extra-tensor", "model.more.weight"),
        ("shape-differs", "lm_head.weight"),
        ("dtype-differs", down),
    ):
        assert expected in told
    assert found.exit_code == 4


def test_wrappers_are_seen_through(healthy, tmp_path):
    wrapped = {f"module._orig_mod.{name}": value for name, value in trained().items()}
    found = wg.check(put(tmp_path / "model", wrapped, config()), against=healthy)
    assert not {each.id for each in found.findings} & {"missing-tensor", "extra-tensor"}


def changed(tmp_path, healthy, change, name="changed"):
    tensors = trained()
    change(tensors)
    found = wg.check(put(tmp_path / name, tensors, config()), against=healthy)
    return found, {(each.id, each.tensor) for each in found.findings if each.level == "fault"}


def test_equal_bytes_are_equal(healthy, tmp_path):
    found, faults = changed(tmp_path, healthy, lambda tensors: None)
    assert faults == set() and found.exit_code == 0


@pytest.mark.parametrize("bit", [0, 6, 13, 15])
def test_one_flipped_bit_is_found(healthy, tmp_path, bit):
    def flip(tensors):
        tensors[UP].view(np.uint16)[3, 5] ^= 1 << bit

    found, faults = changed(tmp_path, healthy, flip)
    assert ("value-differs", UP) in faults and found.exit_code == 4


def test_a_flipped_bit_is_found_in_what_is_not_counted(tmp_path):
    packed = np.arange(4096, dtype=np.int32).reshape(64, 64)
    base = put(tmp_path / "base", {**trained(), "x.qweight": packed}, config())
    other = packed.copy()
    other[9, 9] ^= 1
    path = put(tmp_path / "other", {**trained(), "x.qweight": other}, config())
    faults = [
        each.tensor for each in wg.check(path, against=base).findings if each.level == "fault"
    ]
    assert faults == ["x.qweight"]


def test_exchanged_tensors_are_named(healthy, tmp_path):
    k, v = (BLOCK.format(1) + f"self_attn.{name}_proj.weight" for name in "kv")

    def exchange(tensors):
        tensors[k], tensors[v] = tensors[v], tensors[k]

    found, faults = changed(tmp_path, healthy, exchange)
    assert faults == {("exchanged", k), ("exchanged", v)}
    assert {each.value for each in found.findings if each.id == "exchanged"} == {k, v}


def test_a_copied_expert_or_block_is_named(healthy, tmp_path):
    source = BLOCK.format(4) + "mlp.up_proj.weight"
    _, faults = changed(tmp_path, healthy, lambda t: t.update({UP: t[source].copy()}))
    assert faults == {("exchanged", UP)}


def test_a_shuffled_matrix_and_a_stale_copy_are_named(healthy, tmp_path):
    def shuffle(tensors):
        tensors[UP] = tensors[UP][::-1].copy()

    def stale(tensors):
        tensors[UP] = (tensors[UP].astype(np.float32) * 0.97).astype(tensors[UP].dtype)

    assert changed(tmp_path, healthy, shuffle)[1] == {("value-differs", UP)}
    assert changed(tmp_path, healthy, stale, "stale")[1] == {("value-differs", UP)}


def test_a_fine_tune_differs_without_fault(healthy, tmp_path):
    rng = np.random.default_rng(5)

    def train(tensors):
        for name, value in tensors.items():
            if value.ndim == 2:
                moved = value.astype(np.float32) + 0.001 * rng.standard_normal(value.shape)
                tensors[name] = moved.astype(value.dtype)

    found, faults = changed(tmp_path, healthy, train)
    assert faults == set() and found.exit_code == 0
    assert {each.level for each in found.findings if each.id == "value-differs"} == {"note"}


def nudged(tensors, *parts):
    """Change a weight of every matrix whose name has one of these parts."""
    names = [name for name in tensors if tensors[name].ndim == 2 and any(p in name for p in parts)]
    for name in names:
        tensors[name].view(np.uint16)[3, 5] ^= 1
    return names


@pytest.mark.parametrize(
    ("parts", "where"),
    [
        (("q_proj", "v_proj"), "in 6 of 6 blocks (q, v)"),
        (("o_proj", "down_proj"), "in 6 of 6 blocks (down, o)"),
        ((".layers.5.",), "in block 5 alone (down, gate, k, o, q, up, v)"),
        ((".layers.5.", "lm_head"), "in block 5 alone (down, gate, head, k, o, q, up, v)"),
    ],
)
def test_what_was_trained_in_part_differs_without_fault(healthy, tmp_path, parts, where):
    """Whole kinds, as adapters that were merged in make them, and whole blocks."""
    names = []
    found, faults = changed(tmp_path, healthy, lambda t: names.extend(nudged(t, *parts)))
    assert faults == set() and found.exit_code == 0
    (told,) = (each for each in found.findings if each.id == "partly-trained")
    assert told.level == "note" and told.message.endswith(where)
    assert f"trained in part: {len(names)} of " in told.message
    assert {each.tensor for each in found.findings if each.id == "value-differs"} == {*names}
    found = wg.check(tmp_path / "changed", against=healthy, identical=True)
    faults = {each.tensor for each in found.findings if each.level == "fault"}
    assert faults == {*names} and "partly-trained" not in {each.id for each in found.findings}


@pytest.mark.parametrize(
    ("modules", "blocks"),
    [
        (("q_proj", "v_proj"), (4, 5)),
        (("q_proj", "v_proj"), (0, 2, 4)),
        (("up_proj", "down_proj", "gate_proj"), (2, 3)),
        (("o_proj",), (2, 3, 4, 5)),
    ],
)
def test_modules_that_were_trained_in_some_blocks_differ_without_fault(
    healthy, tmp_path, modules, blocks
):
    parts = [
        f"layers.{block}.{where}.{module}"
        for block in blocks
        for module in modules
        for where in ("self_attn", "mlp")
    ]
    names = []
    found, faults = changed(tmp_path, healthy, lambda t: names.extend(nudged(t, *parts)))
    assert faults == set() and found.exit_code == 0
    assert len(names) == len(modules) * len(blocks)
    (told,) = (each for each in found.findings if each.id == "partly-trained")
    assert f"in {len(blocks)} of 6 blocks" in told.message


@pytest.mark.parametrize(
    "parts",
    [
        ("layers.4.self_attn.q_proj", "layers.5.self_attn.q_proj", "layers.5.self_attn.v_proj"),
        (
            "layers.0.self_attn.q_proj",
            "layers.1.self_attn.q_proj",
            "layers.3.self_attn.q_proj",
            "layers.4.self_attn.q_proj",
        ),
        (
            "layers.0.self_attn.q_proj",
            "layers.0.mlp.up_proj",
            "layers.3.self_attn.q_proj",
            "layers.4.mlp.up_proj",
        ),
        (
            "layers.1.self_attn.q_proj",
            "layers.1.mlp.up_proj",
            "layers.4.self_attn.q_proj",
            "layers.4.mlp.up_proj",
        ),
    ],
)
def test_what_no_range_of_blocks_explains_is_damage(healthy, tmp_path, parts):
    names = []
    _, faults = changed(tmp_path, healthy, lambda t: names.extend(nudged(t, *parts)))
    assert faults == {("value-differs", name) for name in names} and len(names) == len(parts)


def test_damage_beside_what_was_trained_in_part_is_a_fault(healthy, tmp_path):
    def change(tensors):
        nudged(tensors, "q_proj", "v_proj", UP)

    assert changed(tmp_path, healthy, change)[1] == {("value-differs", UP)}


def test_what_differs_here_and_there_is_damage(healthy, tmp_path):
    """All but one of a kind, two kinds of one block, and the head."""
    names = []

    def change(tensors):
        kept = {name: value for name, value in tensors.items() if "layers.3." not in name}
        names.extend(nudged(kept, "q_proj", "layers.0.mlp.up_proj", "lm_head"))

    assert changed(tmp_path, healthy, change)[1] == {("value-differs", name) for name in names}
    assert len(names) == 7


def test_files_are_hashed_on_request(healthy, tmp_path):
    content = (healthy / "model.safetensors").read_bytes()
    expected = hashlib.sha256(content).hexdigest()
    (only,) = wg.check(healthy, sha256=True).files
    assert (only.name, only.size, only.sha256) == ("model.safetensors", len(content), expected)
    assert f"{expected}  model.safetensors" in run(healthy, "--sha256").stdout.splitlines()
    assert wg.check(healthy).files == ()
    for nothing in (trained(), wg.scan(healthy)):
        with pytest.raises(wg.errors.NeedsWeightsError, match="no files"):
            wg.check(nothing, sha256=True)


def test_identical_lets_nothing_pass_for_training(healthy, tmp_path):
    tensors = trained()
    for value in tensors.values():
        if value.ndim == 2:
            value.view(np.uint16)[3, 5] ^= 1
    path = put(tmp_path / "model", tensors, config())
    assert wg.check(path, against=healthy).exit_code == 0
    found = wg.check(path, against=healthy, identical=True)
    assert found.exit_code == 4 == run(path, "--against", healthy, "--identical").exit_code
    matrices = [name for name, value in tensors.items() if value.ndim == 2]
    assert sorted(each.tensor for each in found.findings if each.level == "fault") == sorted(
        matrices
    )
    with pytest.raises(ValueError, match="compare with"):
        wg.check(path, identical=True)
    assert run(path, "--identical").exit_code == 2


def test_few_matrices_that_differ_are_damage_however_few_there_are(tmp_path):
    names = ("model.embed_tokens.weight", "lm_head.weight")
    base = {name: trained()[name] for name in names}
    other = {name: value.copy() for name, value in base.items()}
    for value in other.values():
        value.view(np.uint16)[3, 5] ^= 1
    found = wg.check(put(tmp_path / "other", other), against=put(tmp_path / "base", base))
    assert sorted(each.tensor for each in found.findings if each.level == "fault") == sorted(names)


def test_what_could_not_be_compared_is_never_a_pass(healthy, tmp_path):
    wide = {name: value.astype(np.float32) for name, value in trained().items()}
    found = wg.check(put(tmp_path / "wide", wide, config()), against=healthy)
    assert not found.failed and found.exit_code == 3
    told = [each.tensor for each in found.findings if each.id == "not-compared"]
    assert sorted(told) == sorted(wide)
    # Counts that were added over processes, or made before, have no digests.
    kept = wg.scan(healthy)
    blind = dataclasses.replace(
        kept, tensors=tuple({**row, "digest": None} for row in kept.tensors)
    )
    found = wg.check(healthy, against=blind)
    assert not found.complete and found.exit_code == 3


def test_saved_counts_stand_for_the_base(healthy, tmp_path):
    wg.scan(healthy).save(tmp_path / "base.wghist")

    def flip(tensors):
        tensors[UP].view(np.uint16)[3, 5] ^= 1

    tensors = trained()
    flip(tensors)
    path = put(tmp_path / "model", tensors, config())
    found = wg.check(path, against=tmp_path / "base.wghist")
    assert [each.tensor for each in found.findings if each.id == "value-differs"] == [UP]


@pytest.mark.parametrize("of_base", [True, False])
def test_one_of_the_two_is_saved_without_the_name_of_its_top(of_base, healthy, tmp_path):
    """A model that is saved without a head has no name before those of its parts."""
    alone = {
        name.removeprefix("model."): value
        for name, value in trained().items()
        if not name.startswith("lm_head")
    }
    damaged = alone | {UP.removeprefix("model."): -alone[UP.removeprefix("model.")]}
    path = put(tmp_path / "alone", damaged, config())
    model, base = (healthy, path) if of_base else (path, healthy)
    found = wg.check(model, against=base)
    told = {(each.id, each.tensor) for each in found.findings if each.level == "fault"}
    changed = ("value-differs", UP if of_base else UP.removeprefix("model."))
    assert told == {changed} | (set() if of_base else {("missing-tensor", "lm_head.weight")})
    assert found.compared == len(alone)


def test_what_moved_is_told_and_its_level_can_be_changed(healthy, tmp_path, rules):
    rng = np.random.default_rng(5)
    tensors = trained()
    for name, value in tensors.items():
        if value.ndim == 2:
            wide = value.astype(np.float32) * (1.2 if name == UP else 1)
            moved = wide + 0.0005 * rng.standard_normal(value.shape)
            tensors[name] = moved.astype(value.dtype)
    path = put(tmp_path / "model", tensors, config())
    found = wg.check(path, against=healthy)
    told = {each.tensor: each for each in found.findings if each.id == "moved"}
    assert UP in told and told[UP].level == "note" and told[UP].value > 5
    assert found.exit_code == 0
    assert "unrelated" not in {each.id for each in found.findings}
    as_fault = rules('[rules.moved]\nlevel = "fault"\n')
    assert wg.check(path, against=healthy, rules=as_fault).exit_code == 4
    off = rules('[rules.moved]\nlevel = "off"\n')
    assert "moved" not in {each.id for each in wg.check(path, against=healthy, rules=off).findings}
    # A threshold that nothing exceeds, and saved counts, whose values are gone.
    high = rules("[rules.moved]\nthreshold = 1e9\n")
    base = wg.scan(healthy)
    for asked in (
        wg.check(path, against=healthy, rules=high),
        wg.check(path, against=base),
        wg.check(healthy, against=healthy),
    ):
        assert "moved" not in {each.id for each in asked.findings}


def test_models_that_have_nothing_in_common_are_told(healthy, tmp_path):
    other = models.llama(seed=11, hidden=64, vocab=256, kv=32)[0]
    found = wg.check(put(tmp_path / "other", other, config()), against=healthy)
    (told,) = (each for each in found.findings if each.id == "unrelated")
    assert told.level == "note" and "nothing in common" in told.message
    small, settings = models.llama(hidden=32, inner=128, vocab=256, kv=16)
    found = wg.check(put(tmp_path / "small", small, settings), against=healthy)
    (told,) = (each for each in found.findings if each.id == "unrelated")
    assert "another shape" in told.message


def test_differing_bytes_are_said_in_words(healthy, tmp_path):
    def flip(tensors):
        tensors[UP].view(np.uint16)[3, 5] ^= 1

    tensors = trained()
    flip(tensors)
    found = wg.check(put(tmp_path / "model", tensors, config()), against=healthy)
    (told,) = (each for each in found.findings if each.id == "value-differs")
    assert told.message == f"{UP}: the bytes differ from those of the base"
    assert told.value != told.expected and {type(told.value), type(told.expected)} == {str}
