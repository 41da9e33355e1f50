"""What configurations say of quantised models: in which file, and for which module."""

from __future__ import annotations

import json

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from builders import safetensors_bytes
from packed_matrices import Quantised, as_stored
from packed_models import METHODS, UP, matrices, packed_model, put
from weightgauge.anatomy.storage.patterns import Patterns, UnknownMatch
from weightgauge.anatomy.storage.quantisation import quantisation_of
from weightgauge.anatomy.survey import survey
from weightgauge.checkpoint.assemble import open_sources
from weightgauge.checkpoint.byte_source import MemoryBytes

Q = "model.layers.0.self_attn.q_proj"
LLAMA = {"model_type": "llama"}


@pytest.fixture
def measured(tmp_path, write_checkpoint):
    """Fit the tensors of modules, beside some configurations; return slices and findings."""

    def run(modules, **files):
        named = {
            f"{module}.{name}": as_stored(array)
            for module, tensors in modules.items()
            for name, array in tensors.items()
        }
        path = write_checkpoint(tmp_path / "model.safetensors", named)
        for name, content in files.items():
            text = content if isinstance(content, str) else json.dumps(content)
            (tmp_path / f"{name}.json").write_text(text)
        result = wg.fit(path)
        return {item.tensor: item for item in result.slices}, result.findings

    return run


def assert_values(item, quantised):
    """Root mean square and largest magnitude, which a wrong zero point changes."""
    values = np.abs(quantised.values().astype(np.float64))
    assert item.max == values.max()
    assert item.rms == pytest.approx(np.sqrt((values**2).mean()), rel=1e-6)
    assert item.n == np.count_nonzero(values)


def told(findings, rule):
    return [(each.tensor, each.message) for each in findings if each.id == rule]


@pytest.mark.parametrize(
    ("name", "lost"),
    [
        ("config", "heads and experts"),
        ("quantize_config", "bits and groups"),
        ("quant_config", "bits and groups"),
        ("adapter_config", "rank and scale"),
    ],
)
def test_what_is_not_known_without_a_configuration(name, lost, measured):
    _, findings = measured({Q: {"weight": np.ones((4, 4), np.float32)}}, **{name: "{"})
    (told,) = (each for each in findings if each.id == "config-unreadable")
    assert f"the model's {name}.json is left out" in told.message
    assert f"without it, {lost} " in told.hint


@pytest.mark.parametrize("name", ["quantize_config", "quant_config", "quantization_config"])
@pytest.mark.parametrize("config", [None, LLAMA, LLAMA | {"quantization_config": {"bits": 4}}])
def test_settings_that_config_json_lacks(measured, name, config):
    """The second format of GPTQ stores zero points as they are."""
    quantised = Quantised(64, 128, 32, symmetric=False)
    files = {name: {"bits": 4, "group_size": 32, "checkpoint_format": "gptq_v2"}}
    files |= {} if config is None else {"config": config}
    slices, findings = measured({Q: quantised.gptq(second=True)}, **files)
    assert_values(slices[f"{Q}.qweight"], quantised)
    assert {each.level for each in findings} == {"note"}


GPTQ = Quantised(64, 128, 32).gptq(index=False)
AWQ = Quantised(64, 128, 32).awq()


@pytest.mark.parametrize(
    ("tensors", "name", "content", "words"),
    [
        (GPTQ, "quantize_config", {"bits": 8}, "[4, 8], and those of 8 bits [4, 16]"),
        (GPTQ, "quantize_config", {"bits": 10**30}, "quantize_config.json says 10000"),
        (GPTQ, "quantize_config", {"group_size": 64}, "do not fill by 64, as quantize_config.json"),
        (GPTQ, "quantize_config", {"desc_act": True}, "there is no g_idx"),
        (GPTQ, "quantize_config", {"is_marlin_format": True}, "its format is marlin"),
        (AWQ, "quant_config", {"w_bit": 3, "version": "GEMM"}, "quant_config.json says 3 bits"),
        (AWQ, "quant_config", {"q_group_size": 64}, "do not fill by 64, as quant_config.json says"),
        (AWQ, "quant_config", {"version": "GEMV"}, "its format is GEMV"),
        (AWQ, "quant_config", {"quant_method": "awq", "checkpoint_format": "gemv"}, "gemv"),
        (AWQ, "quantize_config", {"method": "awq", "format": "gemv_fast"}, "gemv_fast"),
        (AWQ, "quantize_config", {"method": "paroquant", "format": "gemm"}, "paroquant"),
        (GPTQ, "quantize_config", {"method": "paroquant"}, "paroquant"),
        (GPTQ, "quantize_config", {"method": "gptq", "format": "gptq_p"}, "gptq_p"),
    ],
)
def test_weights_are_held_against_settings_of_any_file(measured, tensors, name, content, words):
    slices, findings = measured({Q: tensors}, config=LLAMA, **{name: content})
    ((_, message),) = told(findings, "unmeasured")
    assert words in message
    assert slices[f"{Q}.qweight"].status == "not_applicable"


def test_an_entry_that_is_null_says_nothing(measured):
    quantised = Quantised(64, 128, 32, symmetric=False)
    config = {"quantization_config": {"checkpoint_format": None, "group_size": None}}
    other = {"format": "gptq_v2", "group_size": 32}
    modules = {Q: quantised.gptq(second=True)}
    slices, findings = measured(modules, config=config, quantize_config=other)
    assert_values(slices[f"{Q}.qweight"], quantised)
    assert told(findings, "configs-differ") == []


def test_two_files_that_contradict_each_other(measured):
    quantised = Quantised(64, 128, 32)
    stated = {"quant_method": "gptq", "bits": 4, "group_size": 32, "sym": True, "damp": 0.1}
    other = {"bits": 4, "group_size": 64, "sym": False, "damp": 0.2, "quant_method": "GPTQ"}
    config = {"quantization_config": stated}
    slices, findings = measured({Q: quantised.gptq()}, config=config, quantize_config=other)
    assert_values(slices[f"{Q}.qweight"], quantised)
    messages = [message for _, message in told(findings, "configs-differ")]
    assert messages == [
        "quantize_config.json says group_size = 64, and config.json says 32, which counts",
        "quantize_config.json says sym = false, and config.json says true, which counts",
    ]
    assert {each.level for each in findings if each.id == "configs-differ"} == {"warning"}


def test_two_spellings_of_the_same_are_no_contradiction(measured):
    config = {"quantization_config": {"quant_method": "awq", "bits": 4, "version": "gemm"}}
    older = {"w_bit": 4, "q_group_size": 32, "version": "GEMM", "zero_point": True}
    _, findings = measured({Q: AWQ}, config=config, quant_config=older)
    assert told(findings, "configs-differ") == told(findings, "unmeasured") == []


@pytest.mark.parametrize("text", ["{", "[1]", '{"bits": 4, "bits": 8}'])
def test_a_file_of_settings_that_is_none(measured, text):
    slices, findings = measured({Q: GPTQ}, config=LLAMA, quantize_config=text)
    ((_, message),) = told(findings, "config-unreadable")
    assert "quantize_config.json is left out" in message
    assert slices[f"{Q}.qweight"].n > 0


@pytest.mark.parametrize(
    "config",
    [
        {"text_config": {"quantization_config": {"checkpoint_format": "gptq_v2"}}},
        {"compression_config": {"checkpoint_format": "gptq_v2"}},
        {"compression_config": {"quantization_config": {"checkpoint_format": "gptq_v2"}}},
    ],
)
def test_other_places_in_config_json(measured, config):
    quantised = Quantised(64, 128, 32, symmetric=False)
    slices, _ = measured({Q: quantised.gptq(second=True)}, config=config)
    assert_values(slices[f"{Q}.qweight"], quantised)


@pytest.mark.parametrize(
    ("packing", "second"),
    [("auto_round:auto_gptq", False), ("auto_round:gptqmodel", True), ("auto_round", True)],
)
def test_auto_round_says_how_zero_points_are_stored(measured, packing, second):
    quantised = Quantised(64, 128, 32, symmetric=False)
    config = {"quant_method": "auto-round", "bits": 4, "packing_format": packing}
    modules = {Q: quantised.gptq(second=second)}
    slices, _ = measured(modules, config={"quantization_config": config})
    assert_values(slices[f"{Q}.qweight"], quantised)


def test_another_format_of_auto_round_is_not_measured(measured):
    config = {"quant_method": "auto-round", "packing_format": "auto_round:new"}
    _, findings = measured({Q: GPTQ}, config={"quantization_config": config})
    assert "its format is auto_round:new" in told(findings, "unmeasured")[0][1]


DOWN, LATER = "model.layers.0.mlp.down_proj", "model.layers.1.mlp.down_proj"


@pytest.mark.parametrize(
    ("dynamic", "unmeasured"),
    [
        ({r"+:.*\.down_proj": {"group_size": 64}}, set()),
        ({r".*\.down_proj": {"group_size": 64}}, set()),
        ({r"+:model\.layers\.[0-9]+\.mlp\..*": {"group_size": 64}}, set()),
        # The first that matches decides.
        ({r".*\.1\..*": {"group_size": 64}, r".*mlp.*": {"group_size": 32}}, {DOWN}),
        ({r"-:.*\.0\..*": {}, r".*mlp.*": {"group_size": 64}}, set()),
        ({r"+:.*layers\.1.*": {"group_size": 64}}, {DOWN}),
        ({r"+:.*mlp.*": {"bits": 8, "group_size": 64}}, {DOWN, LATER}),
        ({r"down_proj": {"group_size": 64}}, {DOWN, LATER}),  # the beginning of a name must match
        # Programs do not agree whether a name matches longer ones.
        ({"model.layers": {"group_size": 48}}, set()),
        ({"-:model.layers.0.mlp.down_proj": {}, LATER: {"group_size": 64}}, set()),
        # Of patterns that might take for ever nothing is claimed.
        ({r"+:(.*)*x": {"group_size": 64}}, set()),
        ({r"+:((": {"group_size": 64}}, set()),
        ({}, {DOWN, LATER}),
        ([], {DOWN, LATER}),
        (None, {DOWN, LATER}),
    ],
)
def test_settings_of_modules_by_pattern(measured, dynamic, unmeasured):
    wide = Quantised(64, 128, 64)
    config = {"quant_method": "gptq", "bits": 4, "group_size": 32, "dynamic": dynamic}
    modules = {Q: GPTQ, DOWN: wide.gptq(), LATER: wide.gptq(index=False)}
    slices, findings = measured(modules, config={"quantization_config": config})
    assert {name.removesuffix(".qweight") for name, _ in told(findings, "unmeasured")} == unmeasured
    for module in {DOWN, LATER} - unmeasured:
        assert_values(slices[f"{module}.qweight"], wide)


def test_groups_that_may_be_out_of_order_are_not_measured_without_an_index(measured):
    config = {"quant_method": "gptq", "dynamic": {"+:(a*)*": {"desc_act": True}}}
    _, findings = measured({Q: GPTQ}, config={"quantization_config": config})
    assert "there is no g_idx" in told(findings, "unmeasured")[0][1]


@pytest.mark.parametrize(
    ("extra", "words"),
    [
        ({DOWN: {"group_size": 64}}, ""),
        ({DOWN: {"bits": 8}}, "zero points are [2, 8], and not [2, 16]"),
        ({Q: {"bits": 16}}, "do not fill by 32"),
        ({r".*down.*": {"group_size": 64}}, ""),
    ],
)
def test_settings_of_modules_by_name(measured, extra, words):
    config = {"quant_method": "auto-round", "bits": 4, "group_size": 32, "extra_config": extra}
    modules = {DOWN: Quantised(64, 128, 64).gptq()}
    _, findings = measured(modules, config={"quantization_config": config})
    messages = [message for _, message in told(findings, "unmeasured")]
    assert [words in message for message in messages] == ([True] if words else [])


def group(targets, group_size=32, **weights):
    return {"targets": targets, "weights": {"num_bits": 4, "group_size": group_size, **weights}}


MLP, BY_CLASS = r"re:.*\.mlp\..*", ["Linear"]


@pytest.mark.parametrize(
    ("groups", "words"),
    [
        ([group(BY_CLASS, 64)], "do not fill by 64"),
        ([group(BY_CLASS)], ""),
        ([group([Q], 64), group(BY_CLASS)], "do not fill by 64"),
        ([group([Q]), group(BY_CLASS, 64)], ""),
        ([group([r"re:.*q_proj"]), group(BY_CLASS, 64)], ""),
        ([group([r"re:.*q_proj"], 64), group(BY_CLASS)], "do not fill by 64"),
        ([group([MLP], 64), group(BY_CLASS)], ""),
        ([group([MLP]), group(BY_CLASS, 64)], "do not fill by 64"),
        ([group([MLP], num_bits=8), group(BY_CLASS)], ""),
        ([group([r"re:.*proj"], 64), group([r"re:.*q_.*"])], "do not fill by 64"),  # by alphabet
        ([group(["Embedding"], 64), group(BY_CLASS)], ""),
        ([group(BY_CLASS, 64), group(["QKVLinear"])], ""),  # it is not known of which class it is
        ([group([DOWN], 64)], ""),  # for another module
        ([group([MLP], type="float"), group(BY_CLASS)], ""),
        ([group([r"re:(a+)+"], type="float"), group(BY_CLASS)], "does not say which"),
        ([group(BY_CLASS, type="float"), group(["QKVLinear"])], "does not say which"),
        ([group([Q], symmetric=False), group(BY_CLASS)], "zero points are missing"),
        ([group([MLP], symmetric=False), group(BY_CLASS)], ""),
        ([group([Q], actorder="group"), group(BY_CLASS)], "no weight_g_idx"),
        ([group(BY_CLASS) | {"format": "nvfp4-pack-quantized"}], "its format is nvfp4"),
        ([group([MLP]) | {"format": "float-quantized"}, group(BY_CLASS)], ""),
    ],
)
def test_groups_of_settings_for_different_targets(measured, groups, words):
    config = {
        **{"quant_method": "compressed-tensors", "format": "pack-quantized"},
        "config_groups": {f"group_{number}": each for number, each in enumerate(groups)},
    }
    modules = {Q: Quantised(64, 128, 32).compressed()}
    _, findings = measured(modules, config={"quantization_config": config})
    messages = [message for _, message in told(findings, "unmeasured")]
    assert [words in message for message in messages] == ([True] if words else [])


def test_other_widths_elsewhere_leave_no_doubt_where_the_shape_is_stored(measured):
    two = [group(BY_CLASS), group(["QKVLinear"], num_bits=8)]
    config = {"config_groups": {str(number): each for number, each in enumerate(two)}}
    tensors = Quantised(64, 128, 32).compressed()
    _, findings = measured({Q: tensors}, config={"quantization_config": config})
    assert told(findings, "unmeasured") == []
    del tensors["weight_shape"]
    _, findings = measured({Q: tensors}, config={"quantization_config": config})
    assert "does not say which" in told(findings, "unmeasured")[0][1]


@pytest.mark.parametrize(
    "pattern",
    [
        *(
            "(a+)+$",
            "(a|aa)*$",
            "(.*){5}",
            r"(a)\1",
            "a*a*a*a*b",
            "(",
            "[z-a]",
            "(?P<n>a)",
            "(?i)a",
        ),
        *("a" * 501, "a{1,2}{3}", "(?:a*)+"),
    ],
)
def test_patterns_of_which_nobody_knows_how_long_they_take(pattern):
    with pytest.raises(UnknownMatch):
        Patterns().match(pattern, "a" * 60)


@pytest.mark.parametrize(
    ("pattern", "name", "found"),
    [
        (r"model\.layers\.(1[0-9]|2)\.mlp\..*", "model.layers.12.mlp.up_proj", True),
        (r"model\.layers\.(1[0-9]|2)\.mlp\..*", "model.layers.3.mlp.up_proj", False),
        (r".*\.(up|down)_proj$", "h.0.down_proj", True),
        (r"^(?!.*mlp).*", "h.0.mlp.up", False),
        (r"[*+{)(?]", "*", True),
        (r"a\(b\)*", "a(b))", True),
        ("", "anything", True),
    ],
)
def test_usual_patterns_match_from_the_beginning(pattern, name, found):
    assert Patterns().match(pattern, name) is found


def test_all_patterns_of_a_model_together_end():
    patterns, name = Patterns(), "a" * 500
    with pytest.raises(UnknownMatch):
        for number in range(1000):
            patterns.match(f".*b.*c.*{number}", f"{name[3:]}{number:03}")


def test_odd_settings_do_no_harm():
    odd = {"dynamic": {"a": 3}, "extra_config": [1], "config_groups": {"g": {"weights": 1}, "h": 2}}
    settings = quantisation_of({"quantization_config": odd}, {"x.json": {"bits": None}})
    assert settings.of_module("a")["dynamic"] == {"a": 3}
    assert settings.schemes_of_module("a") == []
    assert quantisation_of(None).stated is False


def test_what_is_read_from_anywhere_has_settings_too():
    quantised = Quantised(64, 128, 32, symmetric=False)
    tensors = {f"{Q}.{name}": as_stored(each) for name, each in quantised.gptq(second=True).items()}
    content = safetensors_bytes({name: (d, list(s), raw) for name, (d, s, raw) in tensors.items()})
    settings = {"quantize_config.json": {"checkpoint_format": "gptq_v2"}}
    opened = open_sources({"a": MemoryBytes(content, "a")}, model="m", quantiser_configs=settings)
    assert opened.quantiser_configs == settings
    item = survey(opened).storage.matrices[f"{Q}.qweight"]
    assert item.source.zeros_less_one is False


def test_the_hub_and_folders_say_the_same(tmp_path, write_checkpoint):
    """`Checkpoint` has what lies beside the weights."""
    folder = put(write_checkpoint, tmp_path / "m", packed_model("gptq", matrices()))
    (folder / "quantize_config.json").write_text(json.dumps(METHODS["gptq"]))
    checkpoint = wg.open_checkpoint(folder)
    assert checkpoint.quantiser_configs == {"quantize_config.json": METHODS["gptq"]}
    assert checkpoint.to_dict()["quantiser_configs"] == checkpoint.quantiser_configs
    assert f"{UP}.qweight" in checkpoint.tensors.names


PLAIN = [
    *((METHODS[form], "fault") for form in METHODS),
    ({"quant_method": "auto-round", "bits": 4}, "fault"),
    ({"quant_method": "fp8"}, "warning"),
    ({"quant_method": "mxfp4"}, "warning"),
    *(({"quant_method": name}, None) for name in ("bitsandbytes", "torchao", "bitnet", "hqq")),
    (METHODS["compressed"] | {"quantization_status": "compressed"}, "fault"),
    (METHODS["compressed"] | {"quantization_status": "frozen"}, None),
    (METHODS["compressed"] | {"format": "dense"}, None),
    ({"quant_method": "compressed-tensors", "sparsity_config": {}}, None),
    (None, None),
]


@pytest.mark.parametrize(("method", "level"), PLAIN)
def test_plain_weights_of_a_model_that_is_called_quantised(
    write_checkpoint, tmp_path, method, level
):
    tensors, config = models.llama(hidden=64, inner=128, vocab=96)
    folder = put(write_checkpoint, tmp_path / "m", tensors, method, **config)
    found = [each for each in wg.check(folder).findings if each.id == "not-packed"]
    assert [each.level for each in found] == ([] if level is None else [level])
    for each in found:
        assert f"quant_method = {method['quant_method']}, and all 42 matrices" in each.message


@pytest.mark.parametrize("form", METHODS)
def test_a_model_that_is_packed_in_part_is_packed(write_checkpoint, tmp_path, form):
    tensors = packed_model(form)
    for name in [name for name in tensors if ".mlp." in name or ".layers.3." in name]:
        del tensors[name]
    plain = models.llama(hidden=64, inner=128, vocab=96, blocks=4)[0]
    tensors |= {name: each for name, each in plain.items() if ".mlp." in name or ".3." in name}
    folder = put(write_checkpoint, tmp_path / "m", tensors, METHODS[form])
    assert "not-packed" not in {each.id for each in wg.fit(folder).findings}


def test_one_file_of_several_need_not_have_the_codes(write_checkpoint, tmp_path):
    tensors, config = models.llama(hidden=64, inner=128, vocab=96, blocks=1)
    models.put(write_checkpoint, tmp_path, tensors, name="model-00001-of-00002.safetensors")
    stated = config | {"quantization_config": METHODS["gptq"]}
    (tmp_path / "config.json").write_text(json.dumps(stated))
    found = wg.fit(tmp_path / "model-00001-of-00002.safetensors").findings
    assert "not-packed" not in {each.id for each in found}
