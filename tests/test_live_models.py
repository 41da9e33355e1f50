"""Models in memory give what the checkpoints saved of them give."""

from __future__ import annotations

import array
import json
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import weightgauge as wg
from builders import write_safetensors
from weightgauge.anatomy.bare_names import bare_names
from weightgauge.anatomy.layouts.layout import Cut
from weightgauge.errors import LiveModelError, NeedsWeightsError, UnsupportedDtypeError
from weightgauge.magnitudes.options import FitOptions
from weightgauge.scanning import open_slices, slices_of_checkpoint
from weightgauge.scanning.live import live_checkpoint
from weightgauge.scanning.live.strides import c_strides, strided


def normal(*shape, seed=0, dtype=np.float32):
    return np.random.default_rng(seed).normal(0.0, 0.02, shape).astype(dtype)


LLAMA = {
    "model.embed_tokens.weight": normal(64, 32, seed=1),
    **{
        f"model.layers.{block}.{name}.weight": normal(*shape, seed=10 * block + i)
        for block in range(2)
        for i, (name, shape) in enumerate(
            {
                "self_attn.q_proj": (32, 32),
                "self_attn.k_proj": (16, 32),
                "self_attn.v_proj": (16, 32),
                "self_attn.o_proj": (32, 32),
                "mlp.gate_proj": (64, 32),
                "mlp.up_proj": (64, 32),
                "mlp.down_proj": (32, 64),
                "input_layernorm": (32,),
            }.items()
        )
    },
    "lm_head.weight": normal(64, 32, seed=2),
}


def saved(tmp_path, arrays, config=None):
    """Write arrays as a checkpoint, in the order in which safetensors writes those of one dtype."""
    path = write_safetensors(
        tmp_path / "model.safetensors",
        {
            name: ("F32", list(values.shape), values.tobytes())
            for name, values in sorted(arrays.items())
        },
    )
    if config is not None:
        (tmp_path / "config.json").write_text(json.dumps(config))
    return path


def assert_same(model, path, per="tensor"):
    assert wg.fit(model, per=per).to_dicts() == wg.fit(path, per=per).to_dicts()
    of_model, of_file = wg.scan(model, per=per), wg.scan(path, per=per)
    assert [each.fit.to_dict() for each in of_model.slices] == [
        each.fit.to_dict() for each in of_file.slices
    ]
    assert [each.histogram() for each in of_model.slices] == [
        each.histogram() for each in of_file.slices
    ]
    assert of_model.tensors == of_file.tensors
    assert of_model.architecture == of_file.architecture


def test_arrays_by_name_give_what_their_file_gives(tmp_path):
    path = saved(tmp_path, LLAMA)
    assert_same(LLAMA, path)
    found = wg.compare(LLAMA, path)
    assert [pair.changed for pair in found.pairs] == [0.0] * len(LLAMA)
    assert found.a == "dict of 18 arrays"
    of_model, of_file = wg.diagnose(LLAMA).to_dict(), wg.diagnose(path).to_dict()
    assert of_model.pop("model") == found.a and of_file.pop("model") == str(path)
    assert of_model == of_file


@pytest.mark.parametrize(
    "turn",
    [
        lambda array: array.T.copy().T,  # columns side by side
        lambda array: array[::-1][::-1],
        lambda array: np.flip(np.flip(array).copy()),
        lambda array: np.repeat(array, 3, axis=0)[::3],
        lambda array: np.repeat(array, 2, axis=-1)[..., ::2],
        lambda array: np.pad(array, 3)[(slice(3, -3),) * array.ndim],
    ],
    ids=["transposed", "twice", "flipped", "rows apart", "columns apart", "inside"],
)
@pytest.mark.parametrize("per", ["tensor", "head"])
def test_arrays_need_not_lie_in_c_order(turn, per, tmp_path):
    config = {
        **{"model_type": "gpt_neox", "hidden_size": 32, "num_attention_heads": 4},
        "num_hidden_layers": 1,
    }
    arrays = {
        "gpt_neox.layers.0.attention.query_key_value.weight": normal(96, 32, seed=3),
        "gpt_neox.layers.0.attention.dense.weight": normal(32, 32, seed=4),
        "gpt_neox.embed_in.weight": normal(400, 400, seed=5),  # large enough to be binned
    }
    path = saved(tmp_path, arrays, config)
    turned = {name: turn(values) for name, values in arrays.items()}
    assert all(np.array_equal(turned[name], values) for name, values in arrays.items())
    subject = slices_of_checkpoint(replace(live_checkpoint(turned), config=config), per=per)
    found = subject.fits(FitOptions(errors="independent"))
    assert [each.to_dict() for each in found] == wg.fit(
        path, per=per, errors="independent"
    ).to_dicts()
    # Another order has another sample, but the same rows and columns in all.
    pairs = zip(
        subject.fits(FitOptions(errors="full")), wg.fit(path, per=per, errors="full"), strict=True
    )
    for one, other in pairs:
        assert one.errors_from == other.errors_from
        assert one.k_se_matrix == pytest.approx(other.k_se_matrix, rel=1e-5)
        assert tuple(one.spread) == pytest.approx(tuple(other.spread), rel=1e-4, abs=1e-6)
    parts = [each.place.part for each in subject.slices]
    assert "q" in parts


def test_differences_and_balanced_fits_set_elements_against_each_other_in_their_order(tmp_path):
    path = saved(tmp_path, LLAMA)
    turned = {name: values.T.copy().T for name, values in LLAMA.items()}
    assert [pair.changed for pair in wg.compare(turned, path).pairs] == [0.0] * len(LLAMA)
    a, b = wg.diagnose(turned, balanced=True), wg.diagnose(path, balanced=True)
    assert a.balanced == b.balanced and any(each is not None for each in a.balanced)


@given(st.data())
@settings(max_examples=200, deadline=None)
def test_pieces_of_strided_arrays_are_found(data):
    shape = tuple(data.draw(st.lists(st.sampled_from([1, 2, 3, 4, 6]), min_size=1, max_size=3)))
    order = data.draw(st.permutations(range(len(shape))))
    flips = tuple(slice(None, None, data.draw(st.sampled_from([1, -1]))) for _ in shape)
    memory = np.arange(np.prod(shape), dtype=np.int64)
    values = memory.reshape([shape[i] for i in order]).transpose(np.argsort(order))[flips]
    axis = data.draw(st.integers(0, len(shape) - 1))
    start = data.draw(st.integers(0, shape[axis] - 1))
    stop = data.draw(st.integers(start + 1, shape[axis]))
    step = data.draw(st.integers(1, 3))
    usual = c_strides(shape)
    dims = [
        (len(range(start, stop, step)), step * usual[i]) if i == axis else (n, usual[i])
        for i, n in enumerate(shape)
    ]
    found = strided(start * usual[axis], dims, shape, values.strides)
    wanted = values[(slice(None),) * axis + (slice(start, stop, step),)]
    assert found is not None
    assert sorted(elements(found, memory)) == sorted(wanted.ravel().tolist())


def elements(found, memory):
    """Read from memory what a strided piece says, by whole items of eight bytes."""
    assert all(stride > 0 for _, stride in found.dims)
    places = [found.offset]
    for extent, stride in found.dims:
        places = [place + i * stride for place in places for i in range(extent)]
    return [int(memory[place // 8]) for place in places]


def test_pieces_that_follow_no_dimension_are_left_to_a_copy():
    assert strided(0, ((5, 3),), (4, 4), (4, 16)) is None


def test_cuts_of_fused_tensors_are_found_in_transposed_memory():
    cut = Cut("k", "k", None, None, (6, 4), 8, ((1, 48), (3, 16), (8, 1)))
    values = np.arange(48).reshape(12, 4)
    laid = np.ascontiguousarray(values.T).T
    found = strided(cut.first, cut.dims, laid.shape, laid.strides)
    assert found is not None
    read = elements(found, np.ascontiguousarray(values.T).ravel())
    assert sorted(read) == values[[2, 3, 6, 7, 10, 11]].ravel().tolist()


@pytest.mark.parametrize(
    ("wrapped", "bare"),
    [
        ("module.{}", "{}"),
        ("_orig_mod.{}", "{}"),
        ("module._orig_mod.{}", "{}"),
        ("_orig_mod.module.{}", "{}"),
        ("_fsdp_wrapped_module.{}", "{}"),
        ("base_model.model.{}", "{}"),
        ("module.base_model.model.{}", "{}"),
        ("encoder.module.{}", "encoder.module.{}"),  # a module of that name within
    ],
)
def test_names_are_read_through_wrappers(wrapped, bare):
    names = list(LLAMA)
    assert bare_names([wrapped.format(name) for name in names]) == [
        bare.format(name) for name in names
    ]


def test_wrappers_within_the_model_are_read_through():
    assert bare_names(
        [
            "model.layers.0._checkpoint_wrapped_module.mlp.up_proj.weight",
            "model.layers.1._fsdp_wrapped_module._orig_mod.mlp.up_proj.base_layer.weight",
            "model.not_orig_mod.weight",
        ]
    ) == [
        "model.layers.0.mlp.up_proj.weight",
        "model.layers.1.mlp.up_proj.weight",
        "model.not_orig_mod.weight",
    ]


def test_names_that_would_be_equal_stay():
    names = ["h._orig_mod.weight", "h.weight"]
    assert bare_names(names) == names


def test_wrapped_names_give_kinds_and_blocks():
    wrapped = {f"module._orig_mod.{name}": values for name, values in LLAMA.items()}
    assert wg.fit(wrapped).to_dicts() == wg.fit(LLAMA).to_dicts()


@pytest.mark.parametrize(
    ("value", "error", "words"),
    [
        ("text", LiveModelError, "'a' is a str, no array"),
        ({"b": 1}, LiveModelError, "'a' is a dict, no array"),
        (np.array(["x"]), UnsupportedDtypeError, "'a' has the dtype <U1"),
        (np.zeros(3, ">f4"), UnsupportedDtypeError, "'a' has a foreign byte order"),
        (np.ma.masked_equal(np.ones(3), 1), UnsupportedDtypeError, "'a' is masked"),
    ],
)
def test_what_is_no_array_is_named(value, error, words):
    with pytest.raises(error, match=words):
        wg.fit({"a": value})


def test_keys_that_are_no_names_are_refused():
    with pytest.raises(LiveModelError, match="0 is no name"):
        wg.fit({0: np.zeros(3)})


def test_buffers_and_integers_are_listed_and_not_fitted():
    model = {
        "w": array.array("f", [0.5, -1.0] * 20),
        "ids": np.arange(5),
        "empty": np.zeros((0, 3)),
    }
    fits = {item.tensor: item for item in wg.fit(model).slices}
    assert fits["w"].n == 40
    assert fits["ids"].status == "not_applicable"
    assert fits["empty"].status == "empty"


class WithoutParameters:
    """A module such as an activation function."""

    def __init__(self, **parameters):
        self._parameters, self._buffers, self._modules = parameters, {"mask": np.ones(3)}, {}
        self._non_persistent_buffers_set = {"mask"}

    def named_modules(self, remove_duplicate=True):
        yield "", self

    def named_parameters(self):
        yield from ()


@pytest.mark.parametrize(
    ("model", "words"),
    [
        ({}, "dict of 0 arrays: there is nothing to measure in an empty mapping"),
        (WithoutParameters(), "WithoutParameters: the module has no parameters"),
        (WithoutParameters(bias=None), "WithoutParameters: the module has no parameters"),
        ({"a": None}, "'a' is a NoneType, no array"),
        (WithoutParameters, "the class WithoutParameters, not a model made of it"),
    ],
)
def test_a_model_without_tensors_is_an_error(model, words):
    for measure in (
        wg.fit,
        wg.scan,
        wg.diagnose,
        lambda model: wg.compare(LLAMA, model),
        lambda model: wg.compare(model, LLAMA),
        lambda model: wg.track({0: model}),
    ):
        with pytest.raises(LiveModelError, match=words):
            measure(model)


class Configured(WithoutParameters):
    """A module with the configuration of a library that keeps it as Python's own objects."""

    def __init__(self, config, **parameters):
        super().__init__(**parameters)
        self.config = type("Config", (), {"to_dict": lambda self: config})()


def test_configurations_are_read_as_they_would_be_saved():
    config = {"labels": {0: 5, None: 7}, "pairs": {("a", "b"): 3}, "targets": {"q"}, "of": 1j}
    model = Configured(config, weight=normal(64, 32))
    assert len(wg.fit(model).slices) == 1
    assert live_checkpoint(model).config == {
        "labels": {"0": 5, "null": 7},
        "pairs": {},
        "targets": ["q"],
        "of": "1j",
    }


def test_ties_are_counted_once_by_the_name_that_comes_first():
    weights = normal(64, 32)
    model = {"embed.weight": weights, "head.weight": weights, "copy.weight": weights.copy()}
    assert {item.tensor for item in wg.fit(model).slices} == {"embed.weight", "copy.weight"}
    assert {item.tensor for item in wg.fit({"a": weights, "b": weights[:32]}).slices} == {"a", "b"}
    assert {item.tensor for item in wg.fit({"a": weights, "b": weights.T}).slices} == {"a"}


def test_codes_with_scales_are_decoded(tmp_path):
    blocks = np.random.default_rng(1).integers(0, 255, (4, 32, 2, 16), dtype=np.uint8)
    exponents = np.random.default_rng(2).integers(120, 126, (4, 32, 2), dtype=np.uint8)
    name = "model.layers.0.mlp.experts.gate_up_proj"
    model = {f"{name}_blocks": blocks, f"{name}_scales": exponents}
    path = write_safetensors(
        tmp_path / "model.safetensors",
        {each: ("U8", list(values.shape), values.tobytes()) for each, values in model.items()},
    )
    live = wg.fit(model)
    assert live.to_dicts() == wg.fit(str(path)).to_dicts()
    assert any(item.decoded for item in live.slices)


def test_a_fit_in_hand_takes_the_place_of_a_model():
    fit = wg.fit(LLAMA)
    assert wg.fit(fit) == fit
    assert len(wg.fit(fit, include="*q_proj*").slices) == 2
    by_fit, by_model = wg.diagnose(fit), wg.diagnose(LLAMA)
    assert [kind.k_median for kind in by_fit.kinds] == [kind.k_median for kind in by_model.kinds]
    found = wg.compare(fit, LLAMA)
    assert all(pair.dk == 0 and np.isnan(pair.ks) for pair in found.pairs)
    with pytest.raises(NeedsWeightsError, match="made with order, mid_80"):
        wg.fit(fit, trim="full")
    with pytest.raises(NeedsWeightsError, match="made with order, full"):
        wg.diagnose(wg.fit(LLAMA, trim="full"))
    with pytest.raises(NeedsWeightsError, match="a fit has no counts"):
        wg.scan(fit)


def test_steps_of_a_run_may_be_models_in_memory():
    moved = {name: 2 * values for name, values in LLAMA.items()}
    run = wg.track({0: LLAMA, 100: moved})
    assert run.steps == (0, 100)
    assert all(abs(kind.dln_lambda - np.log(2)) < 1e-6 for kind in run.kinds)


def test_nothing_is_copied():
    weights = normal(64, 48).T
    subject = open_slices({"a.weight": weights})
    (shard,) = subject.checkpoint.shards
    view = shard.source(as_it_lies=True)
    assert view.address == weights.__array_interface__["data"][0]
    assert view.span == weights.nbytes


@pytest.mark.parametrize("model", [3, None, [], b"x"])
def test_what_is_no_model_is_told(model):
    for measure in (wg.fit, wg.scan, wg.diagnose):
        with pytest.raises(LiveModelError, match=type(model).__name__):
            measure(model)


@pytest.mark.parametrize(
    ("shape", "strides"),
    [((3, 3), (2**62, 4)), ((2, 2), (2**62, 2**62)), ((2, 2), (-(2**62), 4)), ((2,), (2**60,))],
)
def test_strides_that_reach_beyond_any_memory(shape, strides):
    lying = np.lib.stride_tricks.as_strided(np.ones(4, np.float32), shape, strides)
    for measure in (wg.fit, wg.scan):
        with pytest.raises(LiveModelError, match=r"'w' has strides that reach beyond any memory"):
            measure({"w": lying})
