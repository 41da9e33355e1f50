"""The formats of MLX: the same fit as of the matrix multiplied out."""

from __future__ import annotations

import json

import numpy as np
import pytest

import health_models as models
import weightgauge as wg
from closeness import relative
from kept_models import run
from mlx_matrices import Affine, microscaled
from packed_fits import STEM, assert_as_oracle, assert_no_warning, assert_same, numbers
from packed_matrices import FLOATS, as_stored

WIDTHS = [2, 3, 4, 5, 6, 8]
HEADS = {
    "model_type": "llama",
    **{"num_attention_heads": 4, "num_key_value_heads": 4, "hidden_size": 64, "head_dim": 32},
}


def stated(quantised, **more):
    return {"settings": {"quantization": {**quantised.settings(), **more}}}


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("group", [32, 64, 128])
def test_every_width_is_the_matrix_multiplied_out(fit_packed, fit_plain, bits, group):
    quantised = Affine(33, 384, bits=bits, group=group)
    values = quantised.values()
    item, result = fit_packed(quantised.tensors(), **stated(quantised))
    assert item.decoded == f"INT{bits} x scales + biases per group of {group}"
    assert_same(item, fit_plain(values))
    assert_as_oracle(item, values)
    assert_no_warning(result)


@pytest.mark.parametrize("floats", FLOATS)
@pytest.mark.parametrize("bits", [4, 6])
def test_every_format_of_scales(fit_packed, fit_plain, floats, bits):
    quantised = Affine(64, 256, bits=bits, floats=floats)
    item, _ = fit_packed(quantised.tensors(), **stated(quantised))
    assert_same(item, fit_plain(quantised.values()))


@pytest.mark.parametrize("bits", [3, 4, 8])
@pytest.mark.parametrize("floats", ["BF16", "F32"])
def test_large_matrices_however_they_are_read(fit_packed, fit_plain, bits, floats):
    """More weights than are sorted at once, which are counted by group where codes have 4 bits."""
    quantised = Affine(345, 640, bits=bits, floats=floats)
    plain = fit_plain(quantised.values())
    for options in ({"threads": 1}, {"threads": 3}, {"io": "pread"}):
        item, _ = fit_packed(quantised.tensors(), **stated(quantised), **options)
        assert_same(item, plain)
    item, _ = fit_packed(quantised.tensors(), **stated(quantised), exact=True)
    assert_same(item, fit_plain(quantised.values(), exact=True))
    paper, _ = fit_packed(quantised.tensors(), **stated(quantised), protocol="paper")
    assert_same(paper, fit_plain(quantised.values(), protocol="paper"))


@pytest.mark.parametrize("rows", [17, 600])
@pytest.mark.parametrize("odd", [np.nan, np.inf, -np.inf, 0, 1e-45, -1e-39, 3e38])
def test_odd_scales_and_biases(fit_packed, fit_plain, rows, odd):
    quantised = Affine(rows, 256, group=32, floats="F32")
    quantised.scales[::3, 1] = odd
    quantised.biases[::3, 1] = 0
    quantised.biases[::4, 2] = odd
    quantised.scales[::5, 3] = 0
    quantised.biases[::5, 3] = 0
    with np.errstate(all="ignore"):
        values = quantised.values()
    assert_same(fit_packed(quantised.tensors(), **stated(quantised))[0], fit_plain(values))


@pytest.mark.parametrize("mode", ["mxfp4", "nvfp4", "mxfp8"])
@pytest.mark.parametrize("said", [True, False])
def test_floats_with_scales_of_a_byte(fit_packed, fit_plain, mode, said):
    tensors, values = microscaled(mode, 48, 256)
    group, bits = {"mxfp4": (32, 4), "nvfp4": (16, 4), "mxfp8": (32, 8)}[mode]
    settings = {"group_size": group, "bits": bits, "mode": mode}
    item, result = fit_packed(tensors, settings={"quantization": settings} if said else {})
    plain = fit_plain(values)
    assert (item.n, item.zeros, item.max) == (plain.n, plain.zeros, plain.max)
    assert (item.shape, item.kind) == (plain.shape, plain.kind)
    assert item.k == relative(plain.k, rel=1e-9)
    assert item.lam == relative(plain.lam, rel=1e-9)
    assert [each.id for each in result.findings if each.level not in ("note", "warning")] == []


@pytest.mark.parametrize("bits", [4, 5])
@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize(("kind", "shape"), [("q", (128, 64)), ("o", (64, 128))])
def test_heads(fit_packed, fit_plain, bits, io, kind, shape):
    stem = f"model.layers.0.self_attn.{kind}_proj"
    quantised = Affine(*shape, bits=bits, group=32)
    settings = {**HEADS, "quantization": quantised.settings()}
    options = {"per": "head", "stem": stem}
    heads, _ = fit_packed(quantised.tensors(), settings=settings, io=io, **options)
    plain = fit_plain(quantised.values(), settings=HEADS, **options)
    assert [item.head for item in heads] == [0, 1, 2, 3]
    for item, other in zip(heads, plain, strict=True):
        assert_same(item, other)


@pytest.mark.parametrize("bits", [4, 6])
@pytest.mark.parametrize("per", ["tensor", "expert"])
def test_experts_in_one_tensor(tmp_path, write_checkpoint, bits, per):
    """As MLX stores them: one tensor for each projection of all experts of a layer."""
    shapes = {"gate": (5, 48, 128), "up": (5, 48, 128), "down": (5, 128, 64)}
    packed, plain = {}, {}
    for seed, (part, shape) in enumerate(shapes.items()):
        quantised = Affine(*shape, bits=bits, seed=seed)
        stem = f"model.layers.0.mlp.switch_mlp.{part}_proj"
        packed |= {f"{stem}.{name}": as_stored(a) for name, a in quantised.tensors().items()}
        plain[f"{stem}.weight"] = as_stored(quantised.values())
    config = {"model_type": "qwen3_moe", "num_experts": 5}
    found = []
    for tensors, settings in ((packed, {"quantization": quantised.settings()}), (plain, {})):
        write_checkpoint(tmp_path / "model.safetensors", tensors)
        (tmp_path / "config.json").write_text(json.dumps({**config, **settings}))
        found.append([item for item in wg.fit(tmp_path, per=per).slices if item.fitted])
    assert len(found[0]) == len(found[1]) == (15 if per == "expert" else 18)
    for item, other in zip(*found, strict=True):
        assert_same(item, other)
        assert (item.expert, item.tensor) == (other.expert, other.tensor)
    assert {item.kind for item in found[0]} == set(shapes)


@pytest.mark.parametrize("lost", [False, True])
def test_experts_in_one_tensor_are_a_mixture(tmp_path, write_checkpoint, lost):
    """Their number is that of the configuration; without a router nothing chooses one."""
    plain, _ = models.llama(seed=1, blocks=3, hidden=64, inner=128, vocab=320, kv=64)
    tensors = {name: as_stored(array) for name, array in plain.items() if ".mlp." not in name}
    shapes = {"gate": (4, 128, 64), "up": (4, 128, 64), "down": (4, 64, 128)}
    for block in range(3):
        stem = f"model.layers.{block}.mlp"
        for seed, (part, shape) in enumerate(shapes.items()):
            for name, array in Affine(*shape, seed=4 * block + seed).tensors().items():
                tensors[f"{stem}.switch_mlp.{part}_proj.{name}"] = as_stored(array)
        if not lost:
            router = np.random.default_rng(block).normal(0, 0.02, (4, 64)).astype(np.float32)
            tensors[f"{stem}.gate.weight"] = as_stored(router)
    write_checkpoint(tmp_path / "model.safetensors", tensors)
    settings = {"num_experts": 4, "quantization": {"bits": 4, "group_size": 64}}
    (tmp_path / "config.json").write_text(json.dumps(settings))
    found = wg.check(tmp_path).findings
    assert "odd-input" not in {each.id for each in found}
    missing = [each.message for each in found if each.id == "missing-part"]
    assert [("router" in each, "3 blocks have experts" in each) for each in missing] == (
        [(True, True)] if lost else []
    )


def test_digests_and_saved_counts(tmp_path, fit_packed):
    quantised = Affine(64, 128)
    item, _ = fit_packed(quantised.tensors(), **stated(quantised))
    saved = wg.scan(tmp_path)
    (kept,) = (each.fit for each in saved.slices if each.fit.fitted)
    assert repr(numbers(kept)) == repr(numbers(item))
    assert kept.decoded == item.decoded
    assert item.digest == kept.digest is not None


def test_compared_with_the_matrix_multiplied_out(tmp_path, fit_packed, fit_plain):
    quantised = Affine(96, 256)
    fit_plain(quantised.values())
    fit_packed(quantised.tensors(), **stated(quantised))
    result = wg.compare(tmp_path / "plain", tmp_path)
    (pair,) = result.pairs
    assert (pair.kind, pair.changed) == ("q", 0)
    assert pair.k_a == pair.k_b


def model(folder, write, quantised, *, layers=4, settings=None, lost=(), more=None):
    """Some layers of the same packed matrix; names in `lost` are left out."""
    stems = [f"model.layers.{layer}.mlp.up_proj" for layer in range(layers)]
    tensors = {
        f"{stem}.{name}": as_stored(array)
        for stem in stems
        for name, array in quantised.tensors().items()
        if f"{stem}.{name}" not in lost
    }
    path = write(folder / "model.safetensors", {**tensors, **(more or {})})
    config = {} if settings is None else {"quantization": settings}
    (folder / "config.json").write_text(json.dumps(config))
    return path


UP = "model.layers.2.mlp.up_proj"


@pytest.mark.parametrize("name", ["weight", "scales", "biases"])
@pytest.mark.parametrize("bits", [4, 8])
def test_what_is_lost_is_a_fault(tmp_path, write_checkpoint, name, bits):
    quantised = Affine(64, 256, bits=bits)
    settings = quantised.settings()
    model(tmp_path, write_checkpoint, quantised, settings=settings)
    assert [each.id for each in wg.check(tmp_path).findings if each.level == "fault"] == []
    model(tmp_path, write_checkpoint, quantised, settings=settings, lost=[f"{UP}.{name}"])
    told = [
        (each.tensor, each.level)
        for each in wg.check(tmp_path).findings
        if each.id == "missing-part"
    ]
    assert told == [(f"{UP}.{name}", "fault")]


def test_words_with_nothing_beside_them(tmp_path, write_checkpoint):
    """They are known by what the configuration states."""
    quantised = Affine(64, 256)
    lost = [f"{UP}.scales", f"{UP}.biases"]
    model(tmp_path, write_checkpoint, quantised, settings=quantised.settings(), lost=lost)
    found = wg.check(tmp_path).findings
    told = [(each.tensor, each.level) for each in found if each.id == "missing-part"]
    assert told == [(name, "fault") for name in lost]
    assert [each.tensor for each in found if each.id == "unmeasured"] == [f"{UP}.weight"]


@pytest.mark.parametrize(
    ("name", "shape", "fault"),
    [
        ("scales", (64, 3), "[64, 4]"),
        ("biases", (63, 4), "[64, 4]"),
        ("weight", (63, 32), "[64, 32]"),
        ("weight", (64, 31), "[64, 32]"),
        ("weight", (64, 16), None),  # might be of another width: told by the other layers
    ],
)
def test_what_was_cut_is_named(tmp_path, write_checkpoint, name, shape, fault):
    quantised = Affine(64, 256)
    array = quantised.tensors()[name][tuple(map(slice, shape))]
    model(
        *(tmp_path, write_checkpoint, quantised),
        settings=quantised.settings(),
        more={f"{UP}.{name}": as_stored(array)},
    )
    found = [each for each in wg.check(tmp_path).findings if each.id == "shape-contradicts"]
    assert [(each.tensor, each.level) for each in found] == [(f"{UP}.{name}", "fault")]
    assert str(list(shape)) in found[0].message
    assert (fault or "[64, 32]") in found[0].message


def test_modules_have_settings_of_their_own(tmp_path, write_checkpoint):
    """Mixed widths, and a module that is not quantised at all."""
    wide, narrow = Affine(64, 256, bits=8, group=32), Affine(64, 256, seed=1)
    plain = np.random.default_rng(2).normal(0, 0.02, (64, 256)).astype(np.float32)
    stem = "model.layers.0.mlp"
    tensors = {f"{stem}.up_proj.{name}": as_stored(a) for name, a in wide.tensors().items()}
    tensors |= {f"{stem}.gate_proj.{name}": as_stored(a) for name, a in narrow.tensors().items()}
    tensors[f"{stem}.down_proj.weight"] = as_stored(plain.T)
    write_checkpoint(tmp_path / "model.safetensors", tensors)
    settings = {
        **narrow.settings(),
        f"{stem}.up_proj": wide.settings(),
        f"{stem}.down_proj": False,
        f"{stem}.gate_proj": True,
    }
    for key in ("quantization", "quantization_config"):
        (tmp_path / "config.json").write_text(json.dumps({key: settings}))
        found = {item.kind: item for item in wg.fit(tmp_path).slices if item.fitted}
        assert {kind: item.decoded for kind, item in found.items()} == {
            "up": "INT8 x scales + biases per group of 32",
            "gate": "INT4 x scales + biases per group of 64",
            "down": "",
        }
        assert found["up"].n == np.count_nonzero(wide.values())


def test_narrow_integers_are_called_quantised(tmp_path, write_checkpoint):
    for bits, told in ((2, True), (4, True), (6, True), (8, False)):
        quantised = Affine(256, 256, bits=bits)
        model(tmp_path, write_checkpoint, quantised, settings=quantised.settings())
        found = {each.id for each in wg.diagnose(tmp_path).findings}
        assert ("quantised" in found) == told
        assert "negative-scales" not in found


@pytest.mark.parametrize("bits", WIDTHS)
def test_integers_are_called_quantised_where_that_moves_k(fit_packed, bits):
    """Zero is a code, so that narrow integers leave many zeros, and a k above that of Gaussian."""
    quantised = Affine(512, 512, bits=bits, floats="BF16")
    item, result = fit_packed(quantised.tensors(), **stated(quantised))
    told = {each.id for each in result.findings}
    assert ("quantised" in told) == (abs(item.k - 1.2054) > 0.01)
    assert "zero-share" not in told


def test_scales_that_are_no_numbers_or_lost(tmp_path, write_checkpoint):
    quantised = Affine(64, 256)
    quantised.scales[3, 1] = np.nan
    quantised.scales[:, 2] = 0
    model(tmp_path, write_checkpoint, quantised, settings=quantised.settings())
    found = {each.id for each in wg.fit(tmp_path).findings}
    assert {"non-finite-scales", "zero-scales"} <= found


def test_ls_tells_the_storage(tmp_path, write_checkpoint):
    quantised = Affine(64, 256)
    path = model(tmp_path, write_checkpoint, quantised, settings=quantised.settings(), layers=1)
    listed = run("ls", path, "--json").stdout
    rows = {row["tensor"]: row for row in json.loads(listed)["tensors"]}
    name = "model.layers.0.mlp.up_proj"
    assert rows[f"{name}.weight"]["storage"] == "INT4 x scales + biases per group of 64"
    assert (
        rows[f"{name}.scales"]["storage"]
        == f"scale of '{name}.weight', negative as often as positive"
    )
    assert rows[f"{name}.biases"]["storage"] == f"belongs to '{name}.weight'"


def test_scales_are_no_matrices_of_their_own(tmp_path, write_checkpoint):
    head = {f"lm_head.{n}": as_stored(a) for n, a in Affine(512, 256).tensors().items()}
    model(
        tmp_path, write_checkpoint, Affine(64, 256), settings=Affine(64, 256).settings(), more=head
    )
    table = run("fit", tmp_path).stdout.split("Matrices outside the blocks")[1].split("By kind")[0]
    assert "lm_head.weight" in table
    assert "lm_head.scales" not in table


WHOLE = Affine(64, 256)
HALF = {name: array[:, : array.shape[1] // 2] for name, array in WHOLE.tensors().items()}
ODD = np.zeros((64, 5), np.float16)


@pytest.mark.parametrize(
    ("changed", "settings", "words"),
    [
        ({}, None, "4 bits in groups of 64 or 8 bits in groups of 32"),
        ({}, {"bits": 7, "group_size": 64}, "7 bits in groups of 64"),
        ({}, {"bits": 4, "group_size": 0}, "4 bits in groups of 0"),
        ({}, {"bits": "4", "group_size": 64}, 'config.json says "4" bits in groups of 64'),
        ({}, {"bits": 4, "group_size": [64]}, "4 bits in groups of [64]"),
        ({}, {"bits": 4, "group_size": -(10**30)}, "bits in groups of"),
        ({}, {"bits": 8, "group_size": 64}, "not for 8 bits in groups of 64"),
        ({}, {"bits": 4, "group_size": 64, "mode": "mxfp4"}, "its scales are F16"),
        ({}, {"bits": 4, "group_size": 64, "mode": "trellis"}, "its mode is"),
        ({}, {"bits": 4, "group_size": 64, "mode": ["affine"]}, "its mode is"),
        ({}, {"bits": 4, "group_size": 64, STEM: {"bits": "4"}}, "bits in groups of 64"),
        ({}, {"bits": 4, "group_size": 64, STEM: {"bits": 3, "group_size": 64}}, "3 bits"),
        ({"scales": ODD.astype(np.int32)}, {"bits": 4, "group_size": 64}, "scales are I32"),
        ({"biases": np.zeros((64, 4), np.uint8)}, {"bits": 4, "group_size": 64}, "are U8"),
        ({"scales": ODD, "biases": ODD}, None, "do not fit each other"),
        ({"biases": ODD}, None, "do not fit each other"),
        ({"scales": np.zeros((64, 5), np.uint8)}, None, "its scales [64, 5]"),
        ({"scales": np.zeros((64, 16), np.uint8)}, {"bits": 4, "group_size": 64}, "as nvfp4 has"),
        ({"weight": np.zeros(64, np.uint32)}, {"bits": 4, "group_size": 64}, "and no matrix"),
        ({"scales": ODD[:, :0]}, {"bits": 4, "group_size": 64}, "its scales are [64, 0], and no"),
        ({"weight": np.zeros((0, 32), np.uint32)}, {"bits": 4, "group_size": 64}, "no matrix"),
    ],
)
def test_what_contradicts_itself_is_named_and_not_measured(fit_packed, changed, settings, words):
    tensors = WHOLE.tensors() | changed
    if isinstance(settings, dict) and settings.get("mode") == "affine":
        settings = dict(settings)
    item, result = fit_packed(
        tensors, settings={} if settings is None else {"quantization": settings}
    )
    assert (item.status, item.n) == ("not_applicable", 0)
    (told,) = (each for each in result.findings if each.id == "unmeasured")
    assert words in told.message
    assert len(told.message) < 300


@pytest.mark.parametrize(("bits", "group"), [(2, 32), (3, 32), (5, 64), (6, 128), (8, 128)])
def test_without_a_configuration_where_one_width_alone_fits(fit_packed, fit_plain, bits, group):
    quantised = Affine(33, 384, bits=bits, group=group)
    item, _ = fit_packed(quantised.tensors())
    assert_same(item, fit_plain(quantised.values()))


def test_scales_and_biases_of_something_else_are_no_loss(tmp_path, write_checkpoint):
    """Nothing is missed where no module has words beside them."""
    plain = np.random.default_rng(2).normal(0, 0.02, (8, 8)).astype(np.float32)
    tensors = {
        f"levels.{i}.{name}": as_stored(plain) for i in range(3) for name in ("scales", "biases")
    }
    tensors["model.layers.0.mlp.up_proj.weight"] = as_stored(plain)
    tensors["steps"] = as_stored(np.zeros(4, np.int64))
    write_checkpoint(tmp_path / "model.safetensors", tensors)
    assert [each.id for each in wg.check(tmp_path).findings if each.level == "fault"] == []
