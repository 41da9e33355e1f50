"""FP8 codes with scales: the same fit as of the matrix multiplied out whole."""

from __future__ import annotations

import json
import math

import ml_dtypes
import numpy as np
import pytest

import oracle
import weightgauge as wg
from closeness import relative
from core_slices import file_slices
from remarks import remarks

F8 = {
    "F8_E4M3": ml_dtypes.float8_e4m3fn,
    "F8_E5M2": ml_dtypes.float8_e5m2,
    "F8_E4M3FNUZ": ml_dtypes.float8_e4m3fnuz,
    "F8_E5M2FNUZ": ml_dtypes.float8_e5m2fnuz,
}
SCALES = {
    "F32": np.float32,
    "BF16": ml_dtypes.bfloat16,
    "F16": np.float16,
    "F8_E8M0": ml_dtypes.float8_e8m0fnu,
}
WEIGHT = "model.layers.0.self_attn.q_proj.weight"
NUMBERS = ("n", "zeros", "nonfinite", "k", "k_se", "lam", "ln_lambda_se", "r2", "ks", "rms", "max")


def codes_and_scales(shape, grid, codes="F8_E4M3", scales="F32", seed=0):
    """Normal codes; scales that differ by up to a factor of eight."""
    rng = np.random.default_rng(seed)
    values = rng.normal(0, 20, shape).astype(np.float32).astype(F8[codes])
    factors = np.exp2(rng.uniform(-10, -7, grid)).astype(np.float32).astype(SCALES[scales])
    return values, factors


def multiplied(values, factors, block):
    """The whole matrix in float32: every scale repeated over its block."""
    rows, columns = values.shape[-2:]
    wide = np.repeat(np.repeat(factors.astype(np.float32), block[0], -2), block[1], -1)
    return values.astype(np.float32) * wide[..., :rows, :columns]


def stored(array, spelling):
    return spelling, array.shape, array.tobytes()


@pytest.fixture
def fit_scaled(tmp_path, write_checkpoint):
    """Fit codes with scales: the slice of the codes (the first of them) and the whole result."""

    def run(
        values, factors, *, codes="F8_E4M3", scales="F32", tail="_scale_inv", config=None, **options
    ):
        path = write_checkpoint(
            tmp_path / "model.safetensors",
            {WEIGHT: stored(values, codes), f"{WEIGHT}{tail}": stored(factors, scales)},
        )
        if config is not None:
            (tmp_path / "config.json").write_text(json.dumps(config))
        result = wg.fit(path, **options)
        return next(item for item in result.slices if item.tensor == WEIGHT), result

    return run


def assert_fit_of(item, values):
    x = oracle.magnitudes(values)
    expected = oracle.order_fit(x)
    assert (item.status, item.n) == ("ok", x.size)
    # Sorted or counted, or within the bound that is proven for bins: 1e-8.
    assert item.k == relative(expected.k, rel=1e-8)
    assert item.lam == relative(expected.lam, rel=1e-8)
    assert item.r2 == relative(expected.r2, rel=1e-8)
    assert item.max == x[-1]
    assert item.rms == relative(math.sqrt(np.mean(values.astype(np.float64) ** 2)), rel=1e-8)


@pytest.mark.parametrize("codes", F8)
@pytest.mark.parametrize("scales", SCALES)
def test_blocks_of_every_format(fit_scaled, codes, scales):
    values, factors = codes_and_scales((256, 384), (2, 3), codes, scales)
    item, result = fit_scaled(values, factors, codes=codes, scales=scales)
    assert_fit_of(item, multiplied(values, factors, (128, 128)))
    assert item.decoded == f"{codes} x weight_scale_inv per 128 x 128 block"
    assert (item.kind, item.dtype, item.shape) == ("q", codes, (256, 384))
    assert remarks(result) == ()


@pytest.mark.parametrize(
    ("shape", "grid", "block", "config"),
    [
        ((300, 200), (3, 2), (128, 128), None),  # the last blocks are smaller
        ((130, 128), (2, 1), (128, 128), None),  # 2 divides 130, but blocks have 128 rows
        ((96, 96), (3, 2), (32, 48), None),  # told by the shape
        ((100, 90), (4, 3), (30, 40), {"weight_block_size": [30, 40]}),
        ((97, 64), (97, 1), (1, 64), None),  # by row
        ((97, 61), (1, 61), (97, 1), None),  # by column
        ((96, 64), (96, 2), (1, 32), None),  # MXFP8
        ((600, 300), (600, 1), (1, 300), None),  # too large to be sorted at once
        ((700, 400), (6, 4), (128, 128), None),
    ],
)
def test_shapes_of_scales(fit_scaled, shape, grid, block, config):
    values, factors = codes_and_scales(shape, grid)
    config = None if config is None else {"quantization_config": config}
    item, _ = fit_scaled(values, factors, config=config)
    assert_fit_of(item, multiplied(values, factors, block))


BLOCKS_128 = {"quantization_config": {"weight_block_size": [128, 128]}}


@pytest.mark.parametrize(
    "stated", [[0, 0], [-1, 128], "x", [128], [128, 128, 128], [10**30, 128], [1.5, 2], {}, True]
)
def test_a_block_size_that_is_none_is_told(fit_scaled, stated):
    values, factors = codes_and_scales((256, 384), (2, 3))
    config = {"quantization_config": {"weight_block_size": stated}}
    item, result = fit_scaled(values, factors, config=config)
    assert_fit_of(item, multiplied(values, factors, (128, 128)))
    (warning,) = remarks(result)
    assert warning.startswith("config.json: quantization_config.weight_block_size = ")
    assert len(warning) < 200


@pytest.mark.parametrize("stated", ["x", 3, [], True])
def test_a_quantisation_that_is_no_object_is_told(fit_scaled, stated):
    values, factors = codes_and_scales((256, 384), (2, 3))
    item, result = fit_scaled(values, factors, config={"quantization_config": stated})
    assert_fit_of(item, multiplied(values, factors, (128, 128)))
    (warning,) = remarks(result)
    assert warning.startswith("config.json: quantization_config = ")


@pytest.mark.parametrize(
    ("shape", "grid", "block", "text"),
    [
        ((256, 256), (4, 4), (64, 64), "blocks of 64 x 64,"),
        ((256, 256), (256, 1), (1, 256), "blocks of 1 x 256,"),
        ((256, 256), (1, 1), (256, 256), "one scale for all of it,"),
    ],
)
def test_scales_that_contradict_the_stated_size_are_told(fit_scaled, shape, grid, block, text):
    values, factors = codes_and_scales(shape, grid)
    item, result = fit_scaled(values, factors, config=BLOCKS_128)
    if grid != (1, 1):
        assert_fit_of(item, multiplied(values, factors, block))
    (told,) = (each for each in result.findings if each.level == "fault")
    assert (told.id, told.tensor) == ("shape-contradicts", WEIGHT)
    assert (told.value, told.expected) == (f"{block[0]} x {block[1]}", "128 x 128")
    assert text in told.message and "128 x 128 as config.json says" in told.message


@pytest.mark.parametrize(
    ("shape", "grid"), [((256, 256), (2, 2)), ((300, 200), (3, 2)), ((100, 60), (1, 1))]
)
def test_scales_as_stated_are_no_matter_of_doubt(fit_scaled, shape, grid):
    assert fit_scaled(*codes_and_scales(shape, grid), config=BLOCKS_128)[1].findings == ()


@pytest.mark.parametrize(
    ("shape", "grid", "block"),
    [
        ((100, 96), (2, 3), (64, 32)),  # two blocks of 50 are less likely than 64 and a rest
        ((100, 64), (4, 2), (32, 32)),
        ((96, 96), (3, 2), (32, 48)),  # or 64 and a rest
        ((90, 64), (9, 64), (10, 1)),  # no power of two fits
    ],
)
def test_a_size_that_is_inferred_is_told(fit_scaled, shape, grid, block):
    values, factors = codes_and_scales(shape, grid)
    item, result = fit_scaled(values, factors)
    assert_fit_of(item, multiplied(values, factors, block))
    assert item.decoded.endswith(f"per {block[0]} x {block[1]} block (inferred)")
    (warning,) = remarks(result)
    assert f"'{WEIGHT}' is decoded by blocks of {block[0]} x {block[1]}: " in warning


@pytest.mark.parametrize(
    ("shape", "grid"),
    [((128, 96), (2, 3)), ((97, 64), (97, 1)), ((97, 61), (1, 61)), ((96, 64), (96, 2))],
)
def test_a_size_that_only_one_fits_is_no_matter_of_doubt(fit_scaled, shape, grid):
    item, result = fit_scaled(*codes_and_scales(shape, grid))
    assert remarks(result) == () and "inferred" not in item.decoded


def test_one_dimension_of_scales_is_by_row(fit_scaled):
    values, factors = codes_and_scales((64, 40), (64, 1))
    item, _ = fit_scaled(values, factors[:, 0], tail="_scale")
    assert_fit_of(item, multiplied(values, factors, (1, 40)))


@pytest.mark.parametrize("shape", [(), (1,), (1, 1)])
@pytest.mark.parametrize("protocol", ["order", "paper"])
def test_one_scale_for_the_tensor(fit_scaled, shape, protocol):
    values, _ = codes_and_scales((128, 96), (1, 1))
    factor = np.float32(0.0123)
    item, _ = fit_scaled(values, np.full(shape, factor, np.float32), protocol=protocol)
    whole = values.astype(np.float32) * factor
    if protocol == "paper":
        expected = oracle.paper_fit(whole)
        assert item.k == relative(expected.k, rel=1e-9)
        assert item.lam == relative(expected.lam, rel=1e-9)
        return
    expected = oracle.order_fit(oracle.magnitudes(values.astype(np.float64) * float(factor)))
    assert item.k == relative(expected.k, rel=1e-12)
    assert item.lam == relative(expected.lam, rel=1e-12)
    # Here the products are not rounded to float32, which costs up to 2^-24.
    assert item.max == relative(np.abs(whole).max(), rel=2**-24)


@pytest.mark.parametrize("protocol", ["order", "paper"])
def test_any_io_threads_and_exactness_give_the_same(fit_scaled, protocol):
    values, factors = codes_and_scales((700, 400), (6, 4))
    found = [
        fit_scaled(values, factors, io=io, threads=threads, protocol=protocol)[0]
        for io in ("mmap", "pread")
        for threads in (1, 2, 3)
    ]
    assert len({repr([getattr(item, name) for name in NUMBERS]) for item in found}) == 1
    exact, _ = fit_scaled(values, factors, exact=True, protocol=protocol)
    assert exact.k == relative(found[0].k, rel=1e-8)


@pytest.mark.parametrize("codes", ["F8_E4M3", "F8_E5M2"])
def test_odd_scales_raise_nothing(fit_scaled, codes):
    values, factors = codes_and_scales((64, 40), (64, 1), codes)
    factors[:6, 0] = [np.nan, 0, -0.5, np.inf, 1e-45, 3e38]
    item, _ = fit_scaled(values, factors, codes=codes)
    with np.errstate(all="ignore"):
        whole = multiplied(values, factors, (1, 40))
    finite = np.isfinite(whole)
    assert item.nonfinite == np.count_nonzero(~finite)
    assert item.zeros == np.count_nonzero(whole[finite] == 0)
    assert item.n == np.count_nonzero(whole[finite])


@pytest.mark.parametrize(
    ("scale", "status", "zeros", "nonfinite"),
    [
        (0, "empty", 2560, 0),
        (np.nan, "empty", 0, 2560),
        (np.inf, "empty", 0, 2560),
        (-2, "ok", 0, 0),
    ],
)
def test_odd_single_scales(fit_scaled, scale, status, zeros, nonfinite):
    values = np.full((64, 40), 1.5, np.float32)
    values *= np.arange(1, 41)
    item, _ = fit_scaled(values.astype(F8["F8_E4M3"]), np.full((1,), scale, np.float32))
    assert (item.status, item.zeros, item.nonfinite) == (status, zeros, nonfinite)
    if status == "ok":
        assert item.max == 2 * 60


@pytest.mark.parametrize(
    ("shape", "spelling"),
    [((3, 1), "F32"), ((40,), "F32"), ((64, 41), "F32"), ((0,), "F32"), ((64, 1), "F64"),
     ((2, 64, 1), "F32"), ((64, 1), "I32")],
)  # fmt: skip
def test_scales_that_do_not_fit_are_told(fit_scaled, shape, spelling):
    values, _ = codes_and_scales((64, 40), (64, 1))
    dtype = {"F32": np.float32, "F64": np.float64, "I32": np.int32}[spelling]
    item, result = fit_scaled(values, np.ones(shape, dtype), scales=spelling)
    assert item.status == "scale_not_applied"
    assert "weight_scale_inv" in item.reason
    (missing,) = (each for each in result.findings if each.id == "scale-missing")
    assert (missing.level, missing.tensor) == ("fault", WEIGHT)
    assert missing.message == f"{WEIGHT}: {item.reason}"
    expected = oracle.order_fit(oracle.magnitudes(values.astype(np.float64)))
    assert item.k == relative(expected.k, rel=1e-12)


def test_scales_are_named_and_not_fitted(fit_scaled):
    values, factors = codes_and_scales((256, 384), (2, 3))
    _, result = fit_scaled(values, factors)
    (scale,) = (item for item in result.slices if item.tensor != WEIGHT)
    assert (scale.kind, scale.status) == ("other", "not_applicable")
    assert scale.reason == f"scale of '{WEIGHT}'"
    assert "q" in [kind.kind for kind in result.kinds]


def test_heads_of_scaled_codes(fit_scaled):
    values, factors = codes_and_scales((256, 128), (2, 1))
    config = {"model_type": "llama", "num_attention_heads": 8, "hidden_size": 128, "head_dim": 32}
    _, result = fit_scaled(values, factors, config=config, per="head")
    whole = multiplied(values, factors, (128, 128)).reshape(8, 32, 128)
    heads = [item for item in result.slices if item.head is not None]
    assert [item.head for item in heads] == list(range(8))
    for item in heads:
        alone = wg.fit_weibull(np.ascontiguousarray(whole[item.head]))
        assert [getattr(item, name) for name in ("k", "lam", "r2", "ks")] == [
            getattr(alone, name) for name in ("k", "lam", "r2", "ks")
        ]


def test_stacked_experts_with_scales(tmp_path, write_checkpoint):
    name = "model.layers.0.mlp.experts.down_proj"
    values, factors = codes_and_scales((3, 200, 150), (3, 2, 2))
    path = write_checkpoint(
        tmp_path / "model.safetensors",
        {name: stored(values, "F8_E4M3"), f"{name}_scale_inv": stored(factors, "F32")},
    )
    result = wg.fit(path, per="expert")
    whole = multiplied(values, factors, (128, 128))
    found = [item for item in result.slices if item.expert is not None]
    assert [item.expert for item in found] == [0, 1, 2]
    for item in found:
        assert_fit_of(item, whole[item.expert])


@pytest.mark.parametrize("grid", [(3,), (3, 1, 1)])
def test_a_scale_for_each_expert(tmp_path, write_checkpoint, grid):
    name = "model.layers.0.mlp.experts.down_proj"
    values, factors = codes_and_scales((3, 200, 150), grid)
    path = write_checkpoint(
        tmp_path / "model.safetensors",
        {name: stored(values, "F8_E4M3"), f"{name}_scale": stored(factors, "F32")},
    )
    found = wg.fit(path, per="expert", include="*_proj").slices
    assert {item.decoded for item in found} == {"F8_E4M3 x down_proj_scale per matrix"}
    for item in found:
        assert_fit_of(item, values[item.expert].astype(np.float32) * factors.ravel()[item.expert])


def test_a_scale_that_should_be_there(tmp_path, write_checkpoint):
    values, _ = codes_and_scales((64, 40), (1, 1))
    path = write_checkpoint(tmp_path / "model.safetensors", {WEIGHT: stored(values, "F8_E4M3")})
    assert wg.fit(path).slices[0].status == "ok"
    config = {"quantization_config": {"quant_method": "fp8"}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    result = wg.fit(path)
    assert result.slices[0].status == "scale_not_applied"
    (missing,) = (each for each in result.findings if each.id == "scale-missing")
    assert (missing.level, missing.tensor) == ("fault", WEIGHT)
    assert "no scale lies beside it" in missing.message
    assert result.slices[0].reason.startswith("fitted as stored")


def test_scales_in_another_file(tmp_path, write_checkpoint):
    """Codes and scales may be cut apart by the limits of shards."""
    values, factors = codes_and_scales((300, 200), (3, 2))
    scale = f"{WEIGHT}_scale_inv"
    shards = {"a.safetensors": WEIGHT, "b.safetensors": scale}
    write_checkpoint(tmp_path / "a.safetensors", {WEIGHT: stored(values, "F8_E4M3")})
    write_checkpoint(tmp_path / "b.safetensors", {scale: stored(factors, "F32")}, pad=None)
    index = {"metadata": {}, "weight_map": {name: file for file, name in shards.items()}}
    (tmp_path / "model.safetensors.index.json").write_text(json.dumps(index))
    for io in ("mmap", "pread"):
        item = next(item for item in wg.fit(tmp_path, io=io).slices if item.tensor == WEIGHT)
        assert_fit_of(item, multiplied(values, factors, (128, 128)))


def test_progress_counts_stored_bytes(fit_scaled):
    values, factors = codes_and_scales((700, 400), (6, 4))
    seen = []
    fit_scaled(values, factors, progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (values.size, values.size)
    assert all(done <= total == values.size for done, total in seen)


def test_quantiles_cannot_tell_chunks_apart(tmp_path):
    """The core, asked for chunks of odd sizes, finds the same numbers."""
    from weightgauge import _core

    values, factors = codes_and_scales((500, 300), (500, 1))
    path = tmp_path / "weights"
    path.write_bytes(values.tobytes() + factors.tobytes())
    status = path.stat()
    identity = (
        *(status.st_dev, status.st_ino, status.st_size),
        *(status.st_mtime_ns, status.st_ctime_ns),
    )
    probabilities = [0.0, 0.1, 0.5, 0.999, 1.0]
    expected = oracle.inverted_cdf(
        oracle.magnitudes(multiplied(values, factors, (1, 300))), probabilities
    )
    for chunk_bytes in (1, 1003, 1 << 16):
        options = _core.ScanOptions(
            **{"trim": "mid_80", "zeros": "exclude", "paper": None, "exact": False},
            **{"fit": False, "keep_histogram": False, "probabilities": probabilities},
            **{"threads": 2, "chunk_bytes": chunk_bytes, "errors": "independent"},
        )
        scales = (0, "F32", values.size, 500)
        grid = {"origin": 0, "matrices": 1, "rows": 500, "columns": 300}
        decoding = _core.BlockScale(
            **grid,
            block_rows=1,
            block_columns=300,
            scales=scales,
            scale_of_all=None,
            divided=False,
        )
        results = _core.scan_files(
            [(str(path).encode(), identity)],
            file_slices((0, "F8_E4M3", 0, [(values.size, 1)], decoding)),
            **{"io": "pread", "progress": None, "options": options},
        )
        assert results.quantiles(0) == expected.tolist()
