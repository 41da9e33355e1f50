"""GPTQ of two, three and eight bits: the fit of the matrix multiplied out, as of four."""

from __future__ import annotations

import numpy as np
import pytest

import weightgauge as wg
from closeness import relative
from packed_fits import STEM, assert_as_oracle, assert_no_warning, assert_same, numbers
from packed_matrices import FLOATS, Quantised
from packed_models import METHODS, UP, matrices, modules, packed_model, put

WIDTHS = [2, 3, 8]
METHOD = {"quant_method": "gptq"}


def stated(bits, **more):
    return {**METHOD, "bits": bits, **more}


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("scales", FLOATS)
def test_every_width_is_the_matrix_multiplied_out(fit_packed, fit_plain, bits, symmetric, scales):
    quantised = Quantised(96, 256, 32, scales=scales, symmetric=symmetric, bits=bits)
    values = quantised.values()
    item, result = fit_packed(quantised.gptq(), stated(bits, group_size=32, sym=symmetric))
    assert item.decoded == f"(INT{bits} - zero point) x scales per group of 32, by g_idx"
    assert item.shape == (96, 256)
    assert_same(item, fit_plain(values))
    assert_as_oracle(item, values)
    if symmetric:
        assert_no_warning(result)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize(("rows", "columns", "group"), [(344, 640, 128), (97, 2208, 48)])
def test_large_matrices_however_they_are_read(fit_packed, fit_plain, bits, rows, columns, group):
    """More weights than are sorted at once, groups that end within words, and threads."""
    quantised = Quantised(rows, columns, group, symmetric=False, bits=bits)
    plain = fit_plain(quantised.values(), exact=bits < 8)  # eight bits are counted in bins
    found = [
        fit_packed(quantised.gptq(index=False), stated(bits), **options)[0]
        for options in ({"threads": 1}, {"threads": 3}, {"io": "pread"})
    ]
    assert len({repr(numbers(item)) for item in found}) == 1
    for name in ("n", "zeros", "negatives", "max"):
        assert getattr(found[0], name) == getattr(plain, name)
    exact, _ = fit_packed(quantised.gptq(index=False), stated(bits), exact=True, errors="full")
    whole = fit_plain(quantised.values(), exact=True, errors="full")
    for name in ("k", "lam", "r2", "ks", "rms"):
        assert getattr(exact, name) == relative(getattr(whole, name), rel=1e-10)
        assert getattr(found[0], name) == relative(getattr(plain, name), rel=1e-10)
    # Terms are those of single magnitudes, or of narrow bins, as of four bits.
    for name in ("k_se", "ln_lambda_se", "k_se_matrix", "ln_lambda_se_matrix"):
        assert getattr(exact, name) == relative(getattr(whole, name), rel=1e-3)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("io", ["mmap", "pread"])
def test_an_index_decides_the_group_of_each_column(fit_packed, fit_plain, bits, io):
    quantised = Quantised(48, 512, 64, symmetric=False, bits=bits).shuffled()
    tensors = quantised.gptq()
    item, _ = fit_packed(tensors, stated(bits, desc_act=True), io=io)
    assert_same(item, fit_plain(quantised.values()))
    tensors["g_idx"][[5, 300]] = [8, -1]  # there are eight groups
    item, result = fit_packed(tensors, stated(bits, desc_act=True), io=io)
    assert (item.nonfinite, item.n + item.zeros) == (2 * 48, 48 * 510)
    assert "non-finite" in {each.id for each in result.findings}


@pytest.mark.parametrize("bits", WIDTHS)
def test_an_index_of_zeros_alone_was_never_set(fit_packed, fit_plain, bits):
    quantised = Quantised(48, 512, 64, bits=bits)
    tensors = quantised.gptq() | {"g_idx": np.zeros(512, np.int32)}
    assert_same(fit_packed(tensors, stated(bits))[0], fit_plain(quantised.values()))


@pytest.mark.parametrize("bits", WIDTHS)
def test_zero_points_are_stored_less_one_or_not(fit_packed, fit_plain, bits):
    """The first format borrows from the next zero point of a word where one is 0."""
    quantised = Quantised(64, 128, 32, symmetric=False, bits=bits)
    quantised.zeros[::3] = 0
    quantised.zeros[1::3] = 2**bits - 1
    plain = fit_plain(quantised.values())
    for second, form in ((False, None), (False, "gptq"), (True, "gptq_v2")):
        settings = stated(bits) | ({"checkpoint_format": form} if form else {})
        assert_same(fit_packed(quantised.gptq(second=second), settings)[0], plain)


@pytest.mark.parametrize("symmetric", [True, False])
@pytest.mark.parametrize("form", ["gptq", "gptq_v2"])
def test_gptqmodel_has_its_own_zero_points_of_three_bits(fit_packed, fit_plain, symmetric, form):
    """It takes these numbers from words in its first format, and not one from each zero point."""
    quantised = Quantised(96, 128, 32, symmetric=symmetric, bits=3)
    if not symmetric:
        quantised.zeros = np.random.default_rng(3).integers(0, 8, quantised.zeros.shape, np.uint8)
    taken = [
        0b00100100100100100100100100100100,
        0b10010010010010010010010010010010,
        0b01001001001001001001001001001001,
    ]
    second = form == "gptq_v2"
    tensors = quantised.gptq(second=second, taken=None if second else taken)
    meta = {"quantizer": ["gptqmodel:5.0.0"]}
    settings = stated(3, checkpoint_format=form, meta=meta, sym=symmetric)
    item, result = fit_packed(tensors, settings)
    assert_same(item, fit_plain(quantised.values()))
    assert "zero-points-contradict" not in {each.id for each in result.findings}
    if not second:  # others do not expect them
        _, result = fit_packed(tensors, stated(3, sym=symmetric))
        contradicts = "zero-points-contradict" in {each.id for each in result.findings}
        assert contradicts == symmetric


HEADS = {
    "model_type": "llama",
    **{"num_attention_heads": 4, "num_key_value_heads": 4, "hidden_size": 64, "head_dim": 32},
}
PHI = {
    "model_type": "phi3",
    **{"num_attention_heads": 4, "num_key_value_heads": 2, "hidden_size": 64},
}


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize(
    ("stem", "shape", "options"),
    [
        ("q_proj", (128, 64), {"settings": HEADS, "per": "head"}),
        ("o_proj", (64, 128), {"settings": HEADS, "per": "head"}),
        ("qkv_proj", (128, 64), {"settings": PHI}),
    ],
)
def test_heads_and_fused_parts(fit_packed, fit_plain, bits, io, stem, shape, options):
    options = {"stem": f"model.layers.0.self_attn.{stem}", **options}
    quantised = Quantised(*shape, 16, symmetric=False, bits=bits)
    found, _ = fit_packed(quantised.gptq(), stated(bits), io=io, **options)
    plain = fit_plain(quantised.values(), **options)
    assert len(found) == len(plain) == 4
    for item, other in zip(found, plain, strict=True):
        assert_same(item, other)


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("odd", [np.nan, np.inf, 0, -0.25, 3e38])
def test_odd_scales(fit_packed, fit_plain, bits, odd):
    quantised = Quantised(64, 64, 16, scales="F32", bits=bits)
    quantised.scales[::3, 1] = odd
    with np.errstate(all="ignore"):
        values = quantised.values()
    assert_same(fit_packed(quantised.gptq(), stated(bits))[0], fit_plain(values))


@pytest.mark.parametrize("bits", WIDTHS)
def test_saved_compared_and_counted_again(tmp_path, fit_packed, fit_plain, bits):
    quantised = Quantised(416, 384, 32, symmetric=False, bits=bits)
    fit_plain(quantised.values())
    item, _ = fit_packed(quantised.gptq(), stated(bits))
    (kept,) = (each.fit for each in wg.scan(tmp_path).slices if each.fit.fitted)
    assert repr(numbers(kept)) == repr(numbers(item))
    assert item.digest == kept.digest is not None
    (pair,) = wg.compare(tmp_path / "plain", tmp_path).pairs
    assert (pair.kind, pair.changed) == ("q", 0)
    wg.scan(tmp_path).save(tmp_path / "before.wghist")
    quantised.codes[400, 380] ^= 1
    fit_packed(quantised.gptq(), stated(bits))
    found = wg.check(tmp_path, against=tmp_path / "before.wghist", identical=True)
    told = {each.tensor for each in found.findings if each.level == "fault"}
    assert f"{STEM}.qweight" in told
    fit_packed({"other": quantised.gptq()["qweight"]})  # integers, whose digest is of their bytes
    bare = wg.scan(tmp_path / "model.safetensors").tensors[0]["digest"]
    assert fit_packed(quantised.gptq(), stated(bits))[0].digest == bare


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("second", [False, True])
def test_zero_points_contradict_symmetric_weights(write_checkpoint, tmp_path, bits, second):
    tensors = {
        name: each
        for name, each in packed_model("gptq").items()
        if not name.startswith(tuple(modules()))
    }
    for name, matrix in matrices(bits=bits).items():
        tensors |= {f"{name}.{leaf}": each for leaf, each in matrix.gptq(second=second).items()}
    middle = 2 ** (bits - 1)
    for form in ("gptq", "gptq_v2"):
        scheme = METHODS["gptq"] | {"bits": bits, "checkpoint_format": form, "sym": True}
        findings = wg.check(put(write_checkpoint, tmp_path / form, tensors, scheme)).findings
        found = [each for each in findings if each.id == "zero-points-contradict"]
        if second == (form == "gptq_v2"):
            assert found == []
            continue
        assert [each.tensor for each in found] == [f"{name}.qzeros" for name in modules()]
        astray = middle + (1 if second else -1)
        assert {(each.level, each.value, each.expected) for each in found} == {
            ("fault", astray, middle)
        }


def test_modules_may_have_bits_of_their_own(tmp_path, write_checkpoint):
    """`dynamic` of GPTQModel; what it leaves open is told by the index."""
    own = {"self_attn.q": 8, "self_attn.k": 3, "mlp.down": 2}
    bits_of = {
        name: next((bits for part, bits in own.items() if part in name), 4) for name in modules()
    }
    quantised = {
        name: Quantised(*each.codes.shape, 32, bits=bits_of[name], seed=number)
        for number, (name, each) in enumerate(matrices().items())
    }
    tensors = packed_model("gptq", quantised)
    dynamic = {rf"+:.*{part}_proj": {"bits": bits} for part, bits in own.items()}
    for settings in (METHODS["gptq"] | {"dynamic": dynamic}, METHOD | {"group_size": 32}):
        path = put(write_checkpoint, tmp_path / "m", tensors, settings)
        result = wg.fit(path)
        assert not {each.id for each in result.findings} & {"unmeasured", "shape-contradicts"}
        found = {item.tensor: item for item in result.slices}
        for name, each in quantised.items():
            item, values = found[f"{name}.qweight"], np.abs(each.values())
            assert item.decoded.startswith(f"(INT{bits_of[name]} - zero point) x scales")
            assert (item.max, item.n) == (values.max(), np.count_nonzero(values))
    # Where another width is stated for all, those with their own do not fit it.
    path = put(write_checkpoint, tmp_path / "m", tensors, METHODS["gptq"])
    told = [each.tensor for each in wg.fit(path).findings if each.id == "unmeasured"]
    assert told == [f"{name}.qweight" for name in modules() if bits_of[name] != 4]


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize(("leaf", "by"), [("scales", 1), ("qzeros", 1), ("qzeros", 0)])
def test_parts_that_were_cut_are_told(write_checkpoint, tmp_path, bits, leaf, by):
    tensors = packed_model("gptq", matrices(bits=bits))
    whole = tensors[f"{UP}.{leaf}"]
    tensors[f"{UP}.{leaf}"] = np.ascontiguousarray(np.delete(whole, -1, axis=by))
    scheme = METHODS["gptq"] | {"bits": bits}
    findings = wg.check(put(write_checkpoint, tmp_path / "m", tensors, scheme)).findings
    (found,) = (each for each in findings if each.id == "shape-contradicts")
    assert (found.tensor, found.level) == (f"{UP}.{leaf}", "fault")
    assert found.expected == str(list(whole.shape))


def parts(bits, **others):
    """GPTQ of 64 outputs and 128 inputs, and tensors in the place of its own."""
    tensors = Quantised(64, 128, 32, bits=bits).gptq() | others
    return {name: each for name, each in tensors.items() if each is not None}


@pytest.mark.parametrize(
    ("tensors", "settings", "words"),
    [
        (parts(8), {"bits": 5}, "5 bits, and codes of two, three, four and eight are decoded"),
        (parts(8), {"bits": 4}, "zero points are [4, 16], and those of 4 bits [4, 8]"),
        (parts(8), {"bits": 3}, "its columns of 32 words are not filled by codes of 3 bits"),
        (parts(2), {"bits": 8}, "zero points are [4, 4], and those of 8 bits [4, 16]"),
        (
            parts(8, g_idx=None),
            {},
            "its zero points have 8 bits, and no whole number of bits is stated",
        ),
        (parts(8, g_idx=np.zeros(127, np.int32)), {"bits": 8}, "I32 [127]"),
        (parts(8), {"bits": 8, "group_size": 64}, "4 groups a row"),
        (parts(8, g_idx=None), {"bits": 8, "desc_act": True}, "there is no g_idx"),
        (parts(8), {"bits": 8, "checkpoint_format": "marlin"}, "its format is marlin"),
        (parts(8, scales=np.zeros((4, 60), np.float16)), {"bits": 8}, "64 outputs of eight bits"),
        (parts(8, scales=None), {"bits": 8}, "its scales are missing"),
        (parts(8, qzeros=None), {"bits": 8}, "its zero points are missing"),
        (parts(8, qweight=np.zeros((0, 64), np.int32)), {"bits": 8}, "no matrix"),
        (
            {
                "qweight": np.zeros(((1 << 22) + 1, 1), np.int32),
                **{"scales": np.ones((1, 1), np.float16), "qzeros": np.zeros((1, 1), np.int32)},
            },
            {"bits": 8},
            "no more than 16,777,216 a side",
        ),
    ],
)
def test_what_contradicts_itself_is_named_and_not_measured(fit_packed, tensors, settings, words):
    item, result = fit_packed(tensors, METHOD | settings)
    assert (item.status, item.n) == ("not_applicable", 0)
    (told,) = (each for each in result.findings if each.id == "unmeasured")
    assert words in told.message
    assert len(told.message) < 250


@pytest.mark.parametrize("bits", WIDTHS)
def test_the_other_format_is_suspected(tmp_path, write_checkpoint, bits):
    """Of few bits a zero point that is one off moves many weights; of eight it does not."""
    tensors = packed_model("gptq", matrices(bits=bits))
    scheme = METHODS["gptq"] | {"bits": bits, "checkpoint_format": "gptq_v2"}
    findings = wg.check(put(write_checkpoint, tmp_path / "m", tensors, scheme)).findings
    found = {each.tensor for each in findings if each.id in ("off-centre", "one-sign")}
    assert found == ({f"{name}.qweight" for name in modules()} if bits < 8 else set())


def test_eight_bits_have_the_shape_of_the_weights(fit_packed, fit_plain):
    """Rounded to the nearest of 255 steps a group, as quantisers do."""
    weights = np.random.default_rng(7).normal(0, 0.02, (256, 512)).astype(np.float32)
    quantised = Quantised(256, 512, 128, bits=8)
    steps = np.abs(weights.reshape(256, 4, 128)).max(-1) / 127
    quantised.scales = steps.astype(np.float16)
    codes = weights / np.repeat(quantised.scales.astype(np.float32), 128, axis=1)
    quantised.codes = np.clip(codes.round() + 128, 0, 255).astype(np.uint8)
    item, result = fit_packed(quantised.gptq(), stated(8, group_size=128, sym=True))
    assert item.k == relative(fit_plain(weights).k, rel=0.05)
    assert {each.id for each in result.findings} <= {"grid"}


@pytest.mark.parametrize("bits", WIDTHS)
@pytest.mark.parametrize("cut", ["index", "half of the index", "codes", "half of the codes"])
def test_cut_codes_of_a_width_that_is_not_stated_are_a_fault(write_checkpoint, tmp_path, bits, cut):
    tensors = packed_model("gptq", matrices(bits=bits))
    module = next(iter(modules()))
    whole = tensors[f"{module}.g_idx"], tensors[f"{module}.qweight"]
    if "index" in cut:
        left = len(whole[0]) // 2 if "half" in cut else len(whole[0]) - 1
        tensors[f"{module}.g_idx"] = whole[0][:left]
    else:
        left = len(whole[1]) // 2 if "half" in cut else len(whole[1]) - 1
        tensors[f"{module}.qweight"] = np.ascontiguousarray(whole[1][:left])
    scheme = {"quant_method": "gptq"}
    findings = wg.check(put(write_checkpoint, tmp_path / "m", tensors, scheme)).findings
    found = [each for each in findings if each.id == "shape-contradicts"]
    assert {each.tensor.rpartition(".")[0] for each in found} == {module}
    assert {each.level for each in found} == {"fault"}


@pytest.mark.parametrize(("bits", "outputs"), [(2, 40), (3, 40), (4, 36), (8, 7)])
def test_zero_points_need_not_fill_their_last_word(fit_packed, bits, outputs):
    """What is left of a word is nothing that contradicts, and the next group begins with a word."""
    quantised = Quantised(outputs, 128, 32, bits=bits)
    _, result = fit_packed(quantised.gptq(), stated(bits, sym=True))
    assert "zero-points-contradict" not in {each.id for each in result.findings}
