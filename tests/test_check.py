"""`check`: exit statuses, rules files, comparisons, adapters, and its reports."""

from __future__ import annotations

import dataclasses
import hashlib
import json
import os
import re
from datetime import date, timedelta
from pathlib import Path
from xml.etree import ElementTree

import junitparser
import numpy as np
import pytest
from click.testing import CliRunner
from safetensors.numpy import save_file
from sarif_pydantic import Sarif

import health_models as models
import weightgauge as wg
from weightgauge.cli import main
from weightgauge.errors import OtherModelError, RulesError
from weightgauge.findings import RULES
from weightgauge.health import read_rules

BLOCK = "model.layers.{}."
UP = BLOCK.format(2) + "mlp.up_proj.weight"


def trained():
    """Return the tensors of a small model that is well."""
    return models.llama(hidden=64, vocab=256, kv=32)[0]


def config():
    return models.llama(hidden=64, vocab=256, kv=32)[1]


def put(folder, tensors, settings=None):
    """Write a checkpoint with safetensors itself."""
    folder.mkdir(parents=True)
    save_file(
        {k: np.ascontiguousarray(v) for k, v in tensors.items()}, folder / "model.safetensors"
    )
    if settings is not None:
        (folder / "config.json").write_text(json.dumps(settings))
    return folder


def run(*arguments):
    return CliRunner().invoke(main, ["check", *map(str, arguments)], prog_name="weightgauge")


@pytest.fixture(scope="module")
def healthy(tmp_path_factory):
    return put(tmp_path_factory.mktemp("healthy") / "model", trained(), config())


@pytest.fixture(scope="module")
def with_nan(tmp_path_factory):
    tensors = trained()
    tensors[UP][:10] = np.nan
    return put(tmp_path_factory.mktemp("nan") / "model", tensors, config())


@pytest.fixture
def rules(tmp_path):
    def write(text):
        path = tmp_path / "rules.toml"
        path.write_text(text)
        return path

    return write


# -- exit statuses


def test_a_healthy_model_passes(healthy):
    found = wg.check(healthy)
    assert (found.failed, found.complete, found.exit_code) == (False, True, 0)
    assert not [each for each in found.findings if each.level == "fault"]
    done = run(healthy)
    assert done.exit_code == 0 and done.stdout.splitlines()[1].startswith("No fault found")


def test_a_fault_fails(with_nan):
    found = wg.check(with_nan)
    (fault,) = [each for each in found.findings if each.level == "fault"]
    assert (fault.id, fault.tensor, fault.value) == ("non-finite", UP, 640)
    assert found.exit_code == 4 == run(with_nan).exit_code


def test_a_warning_fails_where_that_is_asked(tmp_path):
    tensors = trained()
    tensors[UP][np.random.default_rng(1).random(tensors[UP].shape) < 0.03] = 0
    path = put(tmp_path / "model", tensors, config())
    assert run(path).exit_code == 0
    assert run(path, "--fail-on", "warning").exit_code == 4
    assert [each.id for each in wg.check(path).findings if each.tensor == UP] == ["zero-share"]


def test_what_could_not_be_measured_is_never_a_pass(tmp_path):
    tensors = trained()
    tensors["model.layers.0.mlp.odd.weight"] = np.zeros((8, 8), np.complex64)
    path = put(tmp_path / "model", tensors, config())
    found = wg.check(path)
    assert not found.failed and not found.complete and found.exit_code == 3
    done = run(path)
    assert done.exit_code == 3 and "the check is not complete" in done.stdout


def test_packed_weights_are_never_a_pass(tmp_path):
    tensors = trained()
    name = UP.removesuffix("weight")
    del tensors[UP]
    tensors |= {
        f"{name}qweight": np.zeros((8, 128), np.int32),
        f"{name}qzeros": np.zeros((1, 16), np.int32),
        f"{name}scales": np.ones((1, 128), np.float16),
        f"{name}g_idx": np.zeros(64, np.int32),
    }
    found = wg.check(put(tmp_path / "model", tensors, config()))
    assert found.exit_code == 3
    assert [each.tensor for each in found.findings if each.id == "unmeasured"] == [f"{name}qweight"]


@pytest.mark.parametrize("arguments", [["no/such/path"], ["{model}", "--rules", "absent.toml"]])
def test_it_never_passes_what_it_could_not_look_at(healthy, arguments):
    done = run(*(each.format(model=healthy) for each in arguments))
    assert done.exit_code == 1 and done.stdout == "" and done.stderr.startswith("error: ")


def test_saved_counts_are_checked_like_the_weights(with_nan, tmp_path):
    wg.scan(with_nan).save(tmp_path / "kept.wghist")
    assert wg.check(tmp_path / "kept.wghist").findings == wg.check(with_nan).findings


# -- rules files


def test_rules_are_turned_off_and_levelled(with_nan, rules):
    off = rules('[rules.non-finite]\nlevel = "off"\n')
    found = wg.check(with_nan, rules=off)
    assert found.exit_code == 0 and "non-finite" not in {each.id for each in found.findings}
    assert "non-finite" not in found.rules
    note = rules('[rules.non-finite]\nlevel = "note"\n')
    (finding,) = [each for each in wg.check(with_nan, rules=note).findings if each.tensor == UP]
    assert (finding.id, finding.level) == ("non-finite", "note")


def test_thresholds_decide(tmp_path, rules):
    tensors = trained()
    tensors[UP][np.random.default_rng(1).random(tensors[UP].shape) < 0.03] = 0
    path = put(tmp_path / "model", tensors, config())
    ids = {each.id for each in wg.check(path).findings}
    assert "zero-share" in ids
    loose = rules("[rules.zero-share]\nthreshold = 0.05\n")
    assert "zero-share" not in {each.id for each in wg.check(path, rules=loose).findings}


def test_findings_are_accepted_by_glob_with_a_reason_until_a_day(with_nan, rules):
    text = '[[accept]]\nrule = "non-finite"\ntensor = "{}"\nreason = "known"\n{}'
    found = wg.check(with_nan, rules=rules(text.format("model.layers.2.*", "")))
    assert found.exit_code == 0
    ((accepted),) = found.accepted
    assert (accepted.finding.tensor, accepted.reason) == (UP, "known")
    elsewhere = rules(text.format("model.layers.3.*", ""))
    assert wg.check(with_nan, rules=elsewhere).exit_code == 4
    today, yesterday = date.today(), date.today() - timedelta(days=1)
    assert wg.check(with_nan, rules=rules(text.format("*", f"until = {today}"))).exit_code == 0
    assert wg.check(with_nan, rules=rules(text.format("*", f"until = {yesterday}"))).exit_code == 4
    assert (
        "Accepted by the rules file" in run(with_nan, "--rules", rules(text.format("*", ""))).stdout
    )


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("rules = 3", "rules: is no table"),
        ("[rule.non-finite]", "does not know 'rule'"),
        ('[rules.nan]\nlevel = "note"', "there is no rule 'nan'"),
        ('[rules.non-finite]\nlevels = "note"', "does not know 'levels'"),
        ('[rules.non-finite]\nlevel = "error"', "level is none of"),
        ("[rules.non-finite]\nlevel = 2", "level is none of"),
        ("[rules.non-finite]\nthreshold = 2", "has no threshold"),
        ("[rules.zero-share]\nthreshold = -1", "no positive number"),
        ("[rules.zero-share]\nthreshold = true", "no positive number"),
        ("[rules.zero-share]\nthreshold = nan", "no positive number"),
        ('accept = "all"', "no list of tables"),
        ('[[accept]]\nrule = "non-finite"', "needs a reason"),
        ('[[accept]]\nreason = "so"', "needs a rule"),
        ('[[accept]]\nrule = "nan"\nreason = "so"', "there is no rule 'nan'"),
        ('[[accept]]\nrule = "non-finite"\nreason = "so"\ntensor = 3', "no text"),
        ('[[accept]]\nrule = "non-finite"\nreason = "so"\nuntil = "2027"', "no date"),
        ('[[accept]]\nrule = "non-finite"\nreason = "so"\nuntil = 2027-01-01T00:00:00', "no date"),
        ('[[accept]]\nrule = "non-finite"\nreason = "so"\nwhen = 3', "does not know 'when'"),
        ("[rules", "is no TOML"),
        ("\udcff", "is no TOML"),
    ],
)
def test_a_rules_file_with_a_mistake_is_refused_whole(healthy, tmp_path, text, told):
    path = tmp_path / "rules.toml"
    path.write_bytes(text.encode("utf-8", "surrogateescape"))
    with pytest.raises(RulesError, match=re.escape(told)):
        read_rules(path)
    done = run(healthy, "--rules", path)
    assert done.exit_code == 1 and len(done.stderr.splitlines()) <= 2 and told in done.stderr


def test_a_rules_file_that_cannot_be_read(tmp_path):
    with pytest.raises(RulesError, match="cannot be read"):
        read_rules(tmp_path)
    (tmp_path / "long.toml").write_bytes(b"#" * (2 << 20))
    with pytest.raises(RulesError, match="too long"):
        read_rules(tmp_path / "long.toml")


# -- beside another model


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


# -- bytes


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


def test_a_broken_configuration_is_never_a_pass(tmp_path):
    path = put(tmp_path / "model", trained(), config())
    (path / "config.json").write_text("{")
    found = wg.check(path)
    assert not found.failed and found.exit_code == 3


def test_nothing_is_never_a_pass(tmp_path):
    found = wg.check(put(tmp_path / "empty", {}))
    assert not found.failed and not found.complete and found.exit_code == 3


def test_saved_counts_stand_for_the_base(healthy, tmp_path):
    wg.scan(healthy).save(tmp_path / "base.wghist")

    def flip(tensors):
        tensors[UP].view(np.uint16)[3, 5] ^= 1

    tensors = trained()
    flip(tensors)
    path = put(tmp_path / "model", tensors, config())
    found = wg.check(path, against=tmp_path / "base.wghist")
    assert [each.tensor for each in found.findings if each.id == "value-differs"] == [UP]


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


def test_what_was_measured_and_what_was_compared_are_counted_apart(healthy, tmp_path):
    wide = {name: value.astype(np.float32) for name, value in trained().items()}
    path = put(tmp_path / "wide", wide, config())
    found = wg.check(path, against=healthy)
    number = len(wide)
    assert (found.tensors, found.measured, found.compared) == (number, number, 0)
    page = run(path, "--against", healthy).stdout
    assert f"{number} of {number} tensors could be looked at" in page
    assert f"the bytes of 0 of {number} tensors" in page


def test_differing_bytes_are_said_in_words(healthy, tmp_path):
    def flip(tensors):
        tensors[UP].view(np.uint16)[3, 5] ^= 1

    tensors = trained()
    flip(tensors)
    found = wg.check(put(tmp_path / "model", tensors, config()), against=healthy)
    (told,) = (each for each in found.findings if each.id == "value-differs")
    assert told.message == f"{UP}: the bytes differ from those of the base"
    assert told.value != told.expected and {type(told.value), type(told.expected)} == {str}


def test_the_state_is_said_once(healthy, with_nan, tmp_path):
    wide = put(tmp_path / "wide", {"w.weight": np.ones((64, 64), np.int8)})
    pages = {
        "the check passes: there is no fault": run(healthy),
        "the check passes: there is no fault or warning": run(healthy, "--fail-on", "warning"),
        "the check fails: there is a fault": run(with_nan),
        "the check is not complete, and so no pass": run(wide),
    }
    for words, done in pages.items():
        (line,) = (line for line in done.stdout.splitlines() if line.startswith("the check "))
        assert line.startswith(words)


def test_acceptances_are_told_in_the_first_lines(with_nan, rules):
    yesterday = date.today() - timedelta(days=1)
    entry = '[[accept]]\nrule = "{}"\nreason = "known"\n'
    accepted = rules(entry.format("non-finite") + entry.format("all-zero"))
    done = run(with_nan, "--rules", accepted)
    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert re.fullmatch(
        r"No fault found(; \d+ notes?)?; accepted by the rules file: 1 fault", lines[1]
    )
    assert "the rules file: its entry for all-zero accepts nothing" in lines[:6]
    expired = rules(entry.format("non-finite") + f"until = {yesterday}\n")
    done = run(with_nan, "--rules", expired)
    assert done.exit_code == 4
    assert f"the rules file: its entry for non-finite ended on {yesterday}" in done.stdout
    document = json.loads(run(with_nan, "--rules", expired, "--format", "json").stdout)
    (unused,) = document["unused_acceptances"]
    assert (unused["rule"], unused["until"], unused["why"]) == (
        "non-finite",
        str(yesterday),
        "expired",
    )


@pytest.fixture(scope="module")
def packed(tmp_path_factory):
    tensors = trained()
    tensors[UP] = np.ones(tensors[UP].shape, np.int8)
    return put(tmp_path_factory.mktemp("packed") / "model", tensors, config())


def test_no_report_of_an_incomplete_check_is_green(packed, tmp_path):
    """Those who read the report alone must see it too."""
    report = tmp_path / "report.xml"
    assert run(packed, "-o", report).exit_code == 3
    for element in ElementTree.parse(report).iter():
        assert set(element.attrib) <= JENKINS[element.tag]
    (suite,) = junitparser.JUnitXml.fromfile(str(report))
    assert (suite.failures, suite.errors, suite.skipped) == (0, 1, 0)
    (case,) = (case for case in suite if case.result)
    assert isinstance(case.result[0], junitparser.Error) and UP in case.result[0].message
    text = run(packed, "--format", "sarif").stdout
    Sarif.model_validate_json(text)
    document = json.loads(text)
    _check_schema(document)
    (invocation,) = document["runs"][0]["invocations"]
    assert (invocation["executionSuccessful"], invocation["exitCode"]) == (False, 3)
    (told,) = invocation["toolExecutionNotifications"]
    assert told["level"] == "error" and UP in told["message"]["text"]
    lines = run(packed, "--format", "github").stdout.splitlines()
    assert [line for line in lines if line.startswith("::error ") and UP in line]


def test_reports_of_a_complete_check_say_so(healthy):
    invocation = json.loads(run(healthy, "--format", "sarif").stdout)["runs"][0]["invocations"][0]
    assert invocation == {"executionSuccessful": True, "exitCode": 0}
    assert 'errors="0"' in run(healthy, "--format", "junit").stdout
    assert "::error" not in run(healthy, "--format", "github").stdout


# -- reports


def test_json_has_all(with_nan):
    document = json.loads(run(with_nan, "--format", "json").stdout)
    for key in ("schema_version", "model", "against", "fail_on", "failed", "complete", "verdict"):
        assert key in document
    assert document["failed"] is True and document["findings"][0]["id"] == "non-finite"
    assert document == json.loads(json.dumps(wg.check(with_nan).to_dict()))


def test_sarif_is_valid(with_nan, rules):
    accepted = rules('[[accept]]\nrule = "non-finite"\nreason = "known: <&>"\n')
    for arguments in ([], ["--rules", accepted]):
        text = run(with_nan, "--format", "sarif", *arguments).stdout
        log = Sarif.model_validate_json(text)
        (one,) = log.runs
        ids = [rule.id for rule in one.tool.driver.rules]
        assert all(ids[each.rule_index] == each.rule_id for each in one.results)
        document = json.loads(text)
        (result,) = [each for each in document["runs"][0]["results"] if each["level"] == "error"]
        (place,) = result["locations"][0]["logicalLocations"]
        assert place["fullyQualifiedName"] == UP
        assert ("suppressions" in result) == bool(arguments)
        _check_schema(document)


def _check_schema(document):
    """Compare with the published schema where a copy of it is at hand."""
    path = os.environ.get("WEIGHTGAUGE_SARIF_SCHEMA")
    if path:
        import jsonschema

        jsonschema.validate(document, json.loads(Path(path).read_text()))


JENKINS = {
    "testsuites": {"name", "time", "tests", "failures", "errors", "disabled"},
    "testsuite": {
        *("name", "tests", "failures", "errors", "time", "disabled", "skipped", "timestamp"),
        *("hostname", "id", "package", "file", "log", "url", "version", "group"),
    },
    "testcase": {"name", "assertions", "time", "classname", "status", "class", "file", "line"},
    "failure": {"type", "message"},
    "skipped": {"type", "message"},
    "error": {"type", "message"},
    "system-out": set(),
}
"""Elements and attributes of the schema of Jenkins' xUnit plugin (junit-10.xsd)."""


def test_junit_is_valid(with_nan, tmp_path):
    path = tmp_path / "report.xml"
    assert run(with_nan, "-o", path).exit_code == 4
    for element in ElementTree.parse(path).iter():
        assert set(element.attrib) <= JENKINS[element.tag]
    (suite,) = junitparser.JUnitXml.fromfile(str(path))
    failing = [case.name for case in suite if case.result]
    assert failing == ["non-finite"]
    assert suite.tests == len(list(suite)) and suite.failures == 1


def test_github_reads_its_annotations(with_nan):
    text = run(with_nan, "--format", "github").stdout
    lines = [line for line in text.splitlines() if line.startswith("::")]
    pattern = re.compile(r"::(error|warning|notice) title=([^:,\r\n]*)::(.+)")
    parsed = [pattern.fullmatch(line) for line in lines]
    assert lines and all(parsed)
    assert parsed[0][1] == "error" and UP in parsed[0][3]


@pytest.mark.parametrize("form", ["sarif", "junit", "github", "json"])
def test_foreign_names_break_no_report(tmp_path, form):
    name = "model.layers.0.mlp.\u202e]]>\x1b[31m%0A::error::<b>&\n.weight"
    tensors = {name: np.full((8, 8), np.nan, np.float32)}
    done = run(put(tmp_path / "model", tensors), "--format", form)
    assert done.exit_code == 4 and "\x1b" not in done.stdout and "\u202e" not in done.stdout
    if form == "junit":
        ElementTree.fromstring(done.stdout)
    if form in ("sarif", "json"):
        json.loads(done.stdout)
    if form == "github":
        assert sum(line.startswith("::error") for line in done.stdout.splitlines()) == 1


def test_a_report_that_cannot_be_written(healthy, tmp_path):
    done = run(healthy, "--format", "sarif", "-o", tmp_path / "absent" / "x.sarif")
    assert done.exit_code == 1 and len(done.stderr.splitlines()) <= 2


def test_forms_of_findings_are_offered_where_findings_are_all(healthy):
    done = CliRunner().invoke(main, ["fit", str(healthy), "--format", "sarif"])
    assert done.exit_code == 2
    for rule in wg.check(healthy).rules:
        assert rule in RULES


# -- copies that lie beside a model


def sharded(folder, tensors):
    """Write a model in two shards with an index."""
    folder.mkdir(parents=True)
    names, weight_map = sorted(tensors), {}
    for number, part in enumerate((names[::2], names[1::2]), 1):
        file = f"model-{number:05}-of-00002.safetensors"
        save_file({name: np.ascontiguousarray(tensors[name]) for name in part}, folder / file)
        weight_map |= dict.fromkeys(part, file)
    index = {"metadata": {}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps(config()))
    return folder


def of_copies(path, **options):
    return [each for each in wg.check(path, **options).findings if each.id == "copy-differs"]


@pytest.mark.parametrize(
    "name",
    ["model.safetensors", "consolidated.safetensors", "original/consolidated.safetensors"],
)
def test_an_equal_copy_is_a_note(tmp_path, name):
    path = sharded(tmp_path / "m", trained())
    (path / "original").mkdir()
    save_file(trained(), path / name)
    (only,) = of_copies(path)
    number = len(trained())
    assert only.level == "note"
    assert f"'{name}'" in only.message and f"{number} tensors with equal bytes" in only.message
    assert wg.check(path).exit_code == 0


def test_a_stale_copy_is_a_warning_that_counts_what_differs(tmp_path):
    path = sharded(tmp_path / "m", trained())
    older = trained()
    older[UP] = np.ascontiguousarray(older[UP][::-1])
    older["lm_head.weight"] = older["lm_head.weight"] * 2
    del older["model.norm.weight"]
    older["extra.weight"] = np.zeros((2, 2), np.float32)
    older["model.embed_tokens.weight"] = older["model.embed_tokens.weight"][:100].copy()
    save_file(older, path / "model.safetensors")
    (only,) = of_copies(path)
    assert (only.level, only.value) == ("warning", 5)
    compared = len(trained()) - 2
    assert f"2 tensors have other bytes (of {compared} tensors compared): " in only.message
    for words in ("another shape", "missing there", "there alone"):
        verb = "has" if words == "another shape" else "is"
        assert f"1 tensor {verb} {words}: " in only.message
    assert UP in only.message
    assert wg.check(path, fail_on="warning").exit_code == 4
    # Of what is asked for alone.
    assert [each.level for each in of_copies(path, include="*q_proj*")] == ["note"]


def test_copies_in_another_format_or_under_other_names(tmp_path):
    path = sharded(tmp_path / "m", trained())
    halves = {name: array.astype(np.float16) for name, array in trained().items()}
    save_file(halves, path / "model.fp16.safetensors")
    renamed = {f"first.{name}": array for name, array in trained().items()}
    save_file(renamed, path / "consolidated.safetensors")
    messages = {each.message: each.level for each in of_copies(path)}
    assert set(messages.values()) == {"note"} and len(messages) == 2
    assert any("another format (F16)" in message for message in messages)
    assert any("with other names" in message for message in messages)


def test_a_copy_that_cannot_be_read_and_files_that_are_no_copies(tmp_path):
    path = sharded(tmp_path / "m", trained())
    (path / "consolidated.safetensors").write_bytes(b"\x00" * 100)
    for name in ("model.ema.safetensors", "optimizer.safetensors", "adapter_model.safetensors"):
        save_file({"a.weight": np.ones((4, 4), np.float32)}, path / name)
    (only,) = of_copies(path)
    assert only.level == "warning" and "cannot be read" in only.message


def test_a_rules_file_that_turns_copies_off_saves_the_reading(tmp_path):
    path = sharded(tmp_path / "m", trained())
    (path / "consolidated.safetensors").write_bytes(b"\x00" * 100)
    rules = tmp_path / "rules.toml"
    rules.write_text('[rules.copy-differs]\nlevel = "off"\n')
    assert of_copies(path, rules=rules) == []


@pytest.mark.parametrize("older", [False, True])
def test_tensors_that_lie_in_two_shards_are_compared(tmp_path, older):
    path = sharded(tmp_path / "m", trained())
    index = json.loads((path / "model.safetensors.index.json").read_text())
    first, second = sorted(set(index["weight_map"].values()))
    of_second = [name for name, file in index["weight_map"].items() if file == second]
    twice = of_second[:3]
    tensors = {name: trained()[name] for name in index["weight_map"] if name not in of_second}
    tensors |= {name: trained()[name] for name in twice}
    if older:
        tensors[twice[0]] = tensors[twice[0]] * 2
    save_file({k: np.ascontiguousarray(v) for k, v in tensors.items()}, path / first)
    found = wg.check(path).findings
    (only,) = [each for each in found if each.id == "copy-differs"]
    stale = [each.tensor for each in found if each.id == "stale-copy"]
    assert only.message.startswith(f"3 tensors of '{first}' lie in another file too, ")
    if older:
        assert (only.level, only.value, stale) == ("warning", 1, [twice[0]])
    else:
        assert (only.level, only.value, stale) == ("note", 0, [])
