"""Weights that are fed to a scan give the fit of the files, however they are cut."""

from __future__ import annotations

import json
import random
import signal

import ml_dtypes
import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import weightgauge as wg
from blockwise_matrices import Blockwise
from builders import TWO_FLOATS, safetensors_bytes
from integer_matrices import Integers
from mlx_matrices import Affine
from packed_matrices import Quantised, as_stored, ternary
from samples import FORMATS
from weightgauge import demo
from weightgauge.anatomy.selection import NothingSelectedError
from weightgauge.checkpoint import open_checkpoint
from weightgauge.checkpoint.assemble import open_sources
from weightgauge.checkpoint.byte_source import MemoryBytes
from weightgauge.errors import FeedError, FileChangedError
from weightgauge.scanning.feed import FedScan, WantedRange

OPTIONS = (
    {},
    {"exact": True},
    {"protocol": "paper"},
    {"per": "head"},
    {"per": "expert", "trim": "full"},
)


def contents(checkpoint):
    found = {}
    for shard in checkpoint.shards:
        with open(shard.path, "rb") as file:
            found[shard.name] = file.read()
    return found


def pieces_of(wanted, draw, most):
    """Cut ranges anywhere, and shuffle the pieces of all of them."""
    pieces = []
    for shard, start, stop in wanted:
        while start < stop:
            end = min(stop, start + draw.randint(1, draw.choice((9, most // 20 + 1, most))))
            pieces.append((shard, start, end))
            start = end
    draw.shuffle(pieces)
    return pieces


def fed(checkpoint, files, seed=0, most=1 << 16, **options):
    """Feed everything in any order and cut; return the fit and the number of rounds."""
    draw = random.Random(seed)
    scan = FedScan(checkpoint, **options)
    rounds = 0
    while wanted := scan.wanted():
        rounds += 1
        for shard, start, stop in pieces_of(wanted, draw, most):
            scan.feed(shard, start, memoryview(files[shard])[start:stop])
    return scan.finish(), rounds


def without_unused_rows(fit):
    """Leave out what fed bytes do not tell: which rows of an embedding no token used."""
    document = fit.to_dict()
    for row in document["slices"]:
        assert not (row["unused_rows"] is None and row["k_without_unused"] is not None)
        row["unused_rows"] = row["k_without_unused"] = None
    findings = [each for each in document["findings"] if each["id"] != "unused-rows"]
    document["verdict"] = "" if findings != document["findings"] else document["verdict"]
    document["findings"] = findings
    return document


def assert_same(found, path, **options):
    expected = without_unused_rows(wg.fit(path, threads=1, **options))
    assert all(each.unused_rows is None for each in found.slices)
    fed = without_unused_rows(found)
    fed["verdict"] = expected["verdict"] and fed["verdict"]
    assert json.dumps(fed) == json.dumps(expected)


def stored(array, spelling):
    if spelling == "F4":
        low, high = array.view(np.uint8).reshape(-1, 2).T
        return spelling, array.shape, (low | high << 4).tobytes()
    return spelling, array.shape, array.tobytes()


def weights(shape, spelling, seed=0, scale=1.0):
    values = np.random.default_rng(seed).normal(0, scale, shape)
    return stored(values.astype(FORMATS[spelling]), spelling)


def write_mixture(path, write_checkpoint):
    """One file with every format, heads, fused parts, experts, codes with scales and integers."""
    q = "model.layers.{}.self_attn.{}.weight"
    tensors = {
        f"model.layers.0.{spelling}.weight": weights((40, 52), spelling, i)
        for i, spelling in enumerate(FORMATS)
    }
    for i, (part, rows) in enumerate({"q_proj": 64, "k_proj": 32, "v_proj": 32}.items()):
        tensors[q.format(0, part)] = weights((rows, 64), "BF16", i + 20)
    tensors[q.format(0, "o_proj")] = weights((64, 64), "F16", 30)
    tensors[q.format(1, "qkv_proj")] = weights((128, 64), "F32", 31)
    tensors["model.layers.0.mlp.experts.gate_up_proj"] = weights((3, 64, 192), "BF16", 32)
    tensors["model.layers.0.input_layernorm.weight"] = weights((64,), "F32", 33)
    tensors["empty"] = ("F32", (0, 3), b"")
    tensors["position_ids"] = ("I64", (4,), bytes(32))
    tensors["a.scalar"] = ("F64", (), np.array([2.5]).tobytes())
    odd = np.array([0, -0.0, np.nan, np.inf, -np.inf, 1e-45, 3.4e38, 5], np.float32)
    tensors["odd.values"] = ("F32", (8,), odd.tobytes())
    codes = np.random.default_rng(5).normal(0, 20, (400, 330)).astype(ml_dtypes.float8_e4m3fn)
    tensors["model.layers.2.self_attn.q_proj.weight"] = stored(codes, "F8_E4M3")
    tensors["model.layers.2.self_attn.q_proj.weight_scale_inv"] = weights((4, 3), "F32", 6)
    small = codes[:130, :140].copy()
    tensors["model.layers.2.self_attn.k_proj.weight"] = stored(small, "F8_E4M3")
    tensors["model.layers.2.self_attn.k_proj.weight_scale_inv"] = weights((2, 2), "BF16", 7)
    config = {
        "model_type": "llama",
        "hidden_size": 64,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "head_dim": 16,
        "quantization_config": {"weight_block_size": [128, 128], "quant_method": "fp8"},
    }
    (path / "config.json").write_text(json.dumps(config))
    write_checkpoint(path / "model.safetensors", tensors, pad=None)
    return path


def write_adapter(path, write_checkpoint):
    module = "base_model.model.model.layers.0.self_attn.q_proj"
    settings_of = {"peft_type": "LORA", "r": 4, "lora_alpha": 8}
    (path / "adapter_config.json").write_text(json.dumps(settings_of))
    tensors = {
        f"{module}.lora_A.weight": weights((4, 300), "F32", 1),
        f"{module}.lora_B.weight": weights((500, 4), "BF16", 2),
    }
    write_checkpoint(path / "adapter_model.safetensors", tensors)
    return path


def write_mxfp4(path, write_checkpoint):
    draw = np.random.default_rng(3)
    prefix = "model.layers.0.mlp.experts."
    tensors = {}
    for name, rows, groups in (("gate_up_proj", 192, 2), ("down_proj", 64, 3)):
        blocks = draw.integers(0, 256, (3, rows, groups, 16), dtype=np.uint8)
        scales = draw.integers(115, 122, (3, rows, groups), dtype=np.uint8)
        tensors[f"{prefix}{name}_blocks"] = ("U8", blocks.shape, blocks.tobytes())
        tensors[f"{prefix}{name}_scales"] = ("U8", scales.shape, scales.tobytes())
    text = json.dumps({"model_type": "gpt_oss", "num_local_experts": 3})
    (path / "config.json").write_text(text)
    write_checkpoint(path / "model.safetensors", tensors)
    return path


def write_nvfp4(path, write_checkpoint):
    """Blocks of 16 codes with scales, and a scale of all of these, before and after the others."""
    draw = np.random.default_rng(6)
    tensors = {}
    for module, last in (("q", "weight_scale_2"), ("k", "weight_global_scale")):
        stem = f"model.layers.0.self_attn.{module}_proj"
        of_all = (f"{stem}.{last}", ("F32", (), np.float32(3.7e-3).tobytes()))
        tensors |= [of_all] if module == "q" else []
        codes = draw.integers(0, 256, (96, 32), dtype=np.uint8)
        packed = "weight" if module == "q" else "weight_packed"
        tensors[f"{stem}.{packed}"] = ("U8", codes.shape, codes.tobytes())
        scales = draw.integers(0x40, 0x60, (96, 4), dtype=np.uint8)
        tensors[f"{stem}.weight_scale"] = ("F8_E4M3", scales.shape, scales.tobytes())
        tensors |= [of_all] if module == "k" else []
    write_checkpoint(path / "model.safetensors", tensors)
    return path


def write_packed(path, write_checkpoint):
    """Codes of four bits as three quantisers pack them, those of other widths, and ternary ones."""
    tensors = {}
    shuffled = Quantised(64, 256, 32, symmetric=False).shuffled()
    for module, parts in {
        "q": Quantised(300, 512, 64, symmetric=False).compressed(),
        "k": shuffled.gptq(),
        "v": shuffled.compressed(index=True),
        "o": Quantised(64, 256, 32).awq(),
        "up": ternary(np.random.default_rng(5).integers(-1, 2, (64, 96)), np.float32([3])),
        "gate": Quantised(300, 512, 64, symmetric=False, bits=8).gptq(),
        "down": Quantised(64, 256, 32, bits=3).shuffled().gptq(),
    }.items():
        place = "self_attn" if module in "qkvo" else "mlp"
        for name, array in parts.items():
            tensors[f"model.layers.0.{place}.{module}_proj.{name}"] = as_stored(array)
    config = {"quantization_config": {"quant_method": "bitnet"}}
    (path / "config.json").write_text(json.dumps(config))
    write_checkpoint(path / "model.safetensors", tensors)
    return path


def write_grouped(path, write_checkpoint):
    """Codes in groups: MLX of several widths, and what bitsandbytes packs."""
    tensors = {}
    settings = {"group_size": 64, "bits": 4}
    for module, quantised in {
        "q": Affine(300, 512),
        "k": Affine(64, 256, bits=3, floats="F32"),
        "v": Blockwise(301, 512, nested=True),
        "o": Blockwise(64, 255, kind="fp4"),
    }.items():
        stem = f"model.layers.0.self_attn.{module}_proj"
        for name, array in quantised.tensors().items():
            tensors[f"{stem}.{name}"] = as_stored(array)
        settings |= {stem: quantised.settings()} if isinstance(quantised, Affine) else {}
    (path / "config.json").write_text(json.dumps({"quantization": settings}))
    write_checkpoint(path / "model.safetensors", tensors)
    return path


def write_integers(path, write_checkpoint):
    """Integers of compressed-tensors, with zero points of either form."""
    tensors, groups = {}, {}
    for module, form, quantised in (
        ("q", "pack-quantized", Integers(300, 512, 64, zeros=True)),
        ("k", "pack-quantized", Integers(61, 256, bits=3, zeros=True)),
        ("v", "int-quantized", Integers(301, 511, zeros=True)),
        ("o", "int-quantized", Integers(64, 256, "tensor")),
    ):
        stem = f"model.layers.0.self_attn.{module}_proj"
        parts = quantised.plain() if form == "int-quantized" else quantised.packed()
        tensors |= {f"{stem}.{name}": as_stored(array) for name, array in parts.items()}
        group = quantised.settings(form)["config_groups"]["group_0"]
        groups[module] = {**group, "format": form, "targets": [stem]}
    config = {"quant_method": "compressed-tensors", "config_groups": groups}
    (path / "config.json").write_text(json.dumps({"quantization_config": config}))
    write_checkpoint(path / "model.safetensors", tensors)
    return path


MODELS = {
    "mixture": write_mixture,
    "adapter": write_adapter,
    "mxfp4": write_mxfp4,
    "nvfp4": write_nvfp4,
    "packed": write_packed,
    "grouped": write_grouped,
    "integers": write_integers,
}


@pytest.fixture(scope="module", params=MODELS)
def model(request, tmp_path_factory, write_checkpoint):
    return MODELS[request.param](tmp_path_factory.mktemp(request.param), write_checkpoint)


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_a_fit_of_what_is_fed_is_that_of_the_file(model, options):
    checkpoint = open_checkpoint(model)
    found, _ = fed(checkpoint, contents(checkpoint), **options)
    assert any(item.fitted for item in found.slices)
    assert_same(found, model, **options)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(seed=st.integers(0, 2**32), most=st.sampled_from((40, 3000, 200_000, 10**7)))
def test_order_and_cut_play_no_part(model, seed, most):
    checkpoint = open_checkpoint(model)
    files = contents(checkpoint)
    if most == 40:  # piece by piece, only what is small
        options = {"include": ["*norm*", "*scalar", "odd*", "*.F*.weight", "*lora_A*", "*scales*"]}
        try:
            found, _ = fed(checkpoint, files, seed, most, **options)
        except NothingSelectedError:
            return
    else:
        options = {}
        found, _ = fed(checkpoint, files, seed, most)
    assert_same(found, model, **options)


@pytest.fixture(scope="module")
def wide(tmp_path_factory, write_checkpoint):
    """Large F32 and F64, of which some crowd so much that bins do not tell enough."""
    draw = np.random.default_rng(1)
    normal = draw.normal(0, 0.02, 300_000)
    crowded = np.where(np.arange(300_000) % 2 == 0, 1, 4) * (1 + 1e-5 * normal)
    tensors = {}
    for spelling in ("F32", "F64"):
        for name, values in {"normal": normal, "crowded": crowded, "tiny": normal * 1e-30}.items():
            tensors[f"{spelling}.{name}"] = stored(values.astype(FORMATS[spelling]), spelling)
    tensors["F64.beyond"] = stored(normal * 10.0 ** draw.uniform(-300, 300, 300_000), "F64")
    path = tmp_path_factory.mktemp("wide") / "model.safetensors"
    return write_checkpoint(path, tensors)


@pytest.mark.parametrize(
    ("options", "most_rounds"), [({}, 2), ({"exact": True}, 1), ({"protocol": "paper"}, 2)], ids=str
)
def test_large_slices_are_asked_for_once_more_where_bins_do_not_suffice(wide, options, most_rounds):
    checkpoint = open_checkpoint(wide)
    found, rounds = fed(checkpoint, contents(checkpoint), 3, 1 << 20, **options)
    assert rounds == most_rounds
    assert_same(found, wide, **options)


def test_minilm(minilm):
    checkpoint = open_checkpoint(minilm)
    found, rounds = fed(checkpoint, contents(checkpoint), 4, 1 << 22)
    assert rounds <= 2
    assert_same(found, minilm)


def test_shards_that_are_nowhere_on_disk():
    names = demo.paths()
    content = open_checkpoint(names["step-last"])
    (raw,) = contents(content).values()
    sources = {"a.safetensors": MemoryBytes(raw, "a.safetensors")}
    checkpoint = open_sources(sources, model="streamed", config=content.config)
    found, rounds = fed(checkpoint, {"a.safetensors": raw})
    assert rounds == 1
    assert found.model == "streamed"
    expected = without_unused_rows(wg.fit(names["step-last"]))
    assert found.to_dicts() == expected["slices"]


# ---------------------------------------------------------------- what is wanted, and bad input

HEADER = 8 + len(safetensors_bytes({"a": TWO_FLOATS})) - 16


@pytest.fixture
def two_tensors():
    """A checkpoint of two BF16 tensors with one of integers between them."""
    numbers = np.arange(1, 101, dtype=np.float32).astype(ml_dtypes.bfloat16).tobytes()
    raw = safetensors_bytes(
        {
            "first": ("BF16", [100], numbers),
            "between": ("I32", [5], bytes(20)),
            "second": ("BF16", [10, 10], numbers),
        }
    )
    checkpoint = open_sources({"x.safetensors": MemoryBytes(raw, "x.safetensors")}, model="m")
    return checkpoint, raw, checkpoint.tensors[0].offset


def test_what_is_wanted_is_what_has_not_come(two_tensors):
    checkpoint, raw, begin = two_tensors
    scan = FedScan(checkpoint)
    shard = "x.safetensors"
    assert scan.wanted() == [
        WantedRange(shard, begin, begin + 200),
        WantedRange(shard, begin + 220, begin + 420),
    ]
    scan.feed(shard, begin + 51, raw[begin + 51 : begin + 300])
    assert scan.wanted() == [
        WantedRange(shard, begin, begin + 51),
        WantedRange(shard, begin + 300, begin + 420),
    ]
    scan.feed(shard, 0, raw[:begin])  # the header is not wanted, nor are integers
    scan.feed(shard, begin + 200, raw[begin + 200 : begin + 220])
    scan.feed(shard, begin, raw[begin : begin + 51])
    scan.feed(shard, begin + 300, bytearray(raw[begin + 300 :]))
    assert scan.wanted() == []
    first = scan.finish()
    assert scan.finish() is first
    scan.feed(shard, 0, raw)  # nothing is wanted any more
    assert [item.n for item in first.slices if item.fitted] == [100, 100]


def test_bytes_that_come_twice_are_refused_and_counted_once(two_tensors):
    checkpoint, raw, begin = two_tensors
    scan = FedScan(checkpoint)
    scan.feed("x.safetensors", begin + 10, raw[begin + 10 : begin + 30])
    with pytest.raises(FeedError) as caught:
        scan.feed("x.safetensors", begin + 20, raw[begin + 20 : begin + 40])
    assert str(caught.value) == (
        f"x.safetensors: bytes {begin + 20}..{begin + 30} (tensor 'first') have come before"
    )
    assert (caught.value.shard, caught.value.start, caught.value.stop) == (
        "x.safetensors",
        begin + 20,
        begin + 30,
    )
    assert caught.value.tensor == "first"
    scan.feed("x.safetensors", begin, raw[begin : begin + 10])
    scan.feed("x.safetensors", begin + 30, raw[begin + 30 :])
    assert [item.n for item in scan.finish().slices if item.fitted] == [100, 100]


def test_a_slice_whose_bytes_are_not_all_there_is_not_fitted(two_tensors):
    checkpoint, raw, begin = two_tensors
    scan = FedScan(checkpoint)
    scan.feed("x.safetensors", begin, raw[begin:-1])  # all but the last byte
    with pytest.raises(
        FeedError, match=rf"bytes {len(raw) - 1}\.\.{len(raw)} \(tensor 'second'\) have not come"
    ):
        scan.finish()
    scan.feed("x.safetensors", len(raw) - 1, raw[-1:])
    assert [item.n for item in scan.finish().slices if item.fitted] == [100, 100]


@pytest.mark.parametrize("offset", [0, 5, -1])
def test_bytes_beyond_the_end(two_tensors, offset):
    checkpoint, raw, _ = two_tensors
    scan = FedScan(checkpoint)
    data = raw if offset < 0 else raw + b"x"
    with pytest.raises(FeedError, match=rf"lie beyond its {len(raw)} bytes"):
        scan.feed("x.safetensors", offset, data)


def test_a_shard_that_the_checkpoint_does_not_have(two_tensors):
    checkpoint, raw, _ = two_tensors
    with pytest.raises(FeedError, match=r"the checkpoint has no shard 'y\.safetensors'"):
        FedScan(checkpoint).feed("y.safetensors", 0, raw)


def test_data_that_are_no_bytes(two_tensors):
    checkpoint, _, _ = two_tensors
    with pytest.raises(TypeError):
        FedScan(checkpoint).feed("x.safetensors", 0, "text")
    with pytest.raises(BufferError):
        FedScan(checkpoint).feed("x.safetensors", 0, memoryview(bytes(20))[::2])


def test_weights_that_are_others_the_second_time(wide):
    checkpoint = open_checkpoint(wide)
    (name,) = (shard.name for shard in checkpoint.shards)
    raw = bytearray(contents(checkpoint)[name])
    scan = FedScan(checkpoint, include="F32.crowded")
    (first,) = scan.wanted()
    scan.feed(name, first.start, memoryview(raw)[first.start : first.stop])
    (again,) = scan.wanted()
    assert again == first
    raw[first.start : first.stop] = bytes(first.stop - first.start)
    with pytest.raises(FileChangedError, match=r"\(tensor 'F32\.crowded'\) are not what came"):
        scan.feed(name, first.start, memoryview(raw)[first.start : first.stop])
    for act in (scan.wanted, scan.finish, lambda: scan.feed(name, 0, b"1")):
        with pytest.raises(FeedError, match="a scan that has failed cannot go on"):
            act()


def test_a_directory_that_takes_no_temporary_file(tmp_path, write_checkpoint):
    """More than is kept in memory goes to a file, and there is no other place for it."""
    path = write_checkpoint(tmp_path / "a.safetensors", {"w": ("F32", (20 << 20,), None)})
    checkpoint = open_checkpoint(path)
    nowhere = str(tmp_path / "nowhere")
    scan = FedScan(checkpoint, exact=True, directory=nowhere)
    ((shard, start, stop),) = scan.wanted()
    kept = 60 << 20
    scan.feed(shard, start, bytes(kept))
    with pytest.raises(FeedError) as caught:
        scan.feed(shard, start + kept, bytes(stop - start - kept))
    assert str(caught.value) == f"bytes cannot be kept in '{nowhere}': No such file or directory"


def test_options_are_checked_before_anything_is_fed(two_tensors):
    checkpoint, _, _ = two_tensors
    for options in ({"trim": "most"}, {"protocol": "both"}, {"per": "row"}):
        with pytest.raises(ValueError, match=r"one of|must be"):
            FedScan(checkpoint, **options)
    with pytest.raises(NothingSelectedError):
        FedScan(checkpoint, include="nothing")


def test_signals_are_answered_while_a_large_piece_is_counted():
    # Answered only behind the call, the signal would leave the scan as good as it was. Signals are
    # looked for every 50 milliseconds; to count so many values one by one takes ten times as long.
    values = np.tile(np.random.default_rng(1).standard_normal(2**20).astype(np.float32), 32)
    raw = safetensors_bytes({"w": ("F32", [values.size], values.tobytes())})
    checkpoint = open_sources({"x.safetensors": MemoryBytes(raw, "x.safetensors")}, model="m")
    scan = FedScan(checkpoint, exact=True)

    told = []

    def interrupt(*_):
        if told:
            return  # another alarm, before the timer was stopped
        try:
            scan.wanted()
        except FeedError as error:
            told.append(str(error))
            raise KeyboardInterrupt from None
        # The call has not begun yet: the timer runs on.

    before = signal.signal(signal.SIGALRM, interrupt)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.001, 0.002)
        with pytest.raises(KeyboardInterrupt):
            scan.feed("x.safetensors", 0, raw)
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
    assert "in the middle of a call" in told[0]
    with pytest.raises(FeedError, match="a scan that has failed cannot go on"):
        scan.feed("x.safetensors", 0, raw)
