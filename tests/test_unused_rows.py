"""Rows of embeddings and heads that no token used, and the fit of the others."""

from __future__ import annotations

import ml_dtypes
import numpy as np
import pytest
from safetensors.numpy import save_file

import weightgauge as wg
from oracle import linregress_fit, magnitudes
from weightgauge.scanning import FedScan, open_slices

EMBED, HEAD = "model.embed_tokens.weight", "lm_head.weight"
FORMATS = {
    "F64": np.float64,
    "F32": np.float32,
    "F16": np.float16,
    "BF16": ml_dtypes.bfloat16,
}


def gaussian(rng, rows, columns):
    return 0.02 * rng.standard_normal((rows, columns))


def of_unequal_rows(rng, rows, columns, spread=0.3):
    return gaussian(rng, rows, columns) * np.exp(spread * rng.standard_normal((rows, 1)))


def decayed(rng, rows, columns):
    """Rows as they were initialised, after weight decay."""
    return 5e-4 * rng.standard_normal((rows, columns))


def filled_with_the_mean(rng, rows, columns):
    """Rows added later: the mean of 3,000 others, and hardly any noise."""
    mean = 0.02 / np.sqrt(3000) * rng.standard_normal(columns)
    return mean + 1e-9 * rng.standard_normal((rows, columns))


def as_initialised(rng, rows, columns):
    """Smaller than most trained rows, and larger than some of them."""
    return 0.009 * rng.standard_normal((rows, columns))


def only(tensors, **options):
    (found,) = wg.fit(tensors, **options).slices
    return found


def saved(folder, tensors):
    path = folder / "m.safetensors"
    save_file(tensors, path)
    return path


def with_rows(trained, unused, rng):
    """Put unused rows anywhere among the others; return the matrix and where they are."""
    total = len(trained) + len(unused)
    places = np.sort(rng.choice(total, len(unused), replace=False))
    matrix = np.insert(trained, places - np.arange(len(unused)), unused, axis=0)
    return matrix, places


@pytest.mark.parametrize("name", [EMBED, HEAD])
@pytest.mark.parametrize("spelling", FORMATS)
@pytest.mark.parametrize("share", [0.005, 0.023])
@pytest.mark.parametrize("kind", [decayed, filled_with_the_mean])
def test_k_is_that_of_the_other_rows(kind, share, spelling, name):
    rng = np.random.default_rng(3)
    count = round(share * 3000)
    trained = gaussian(rng, 3000 - count, 96).astype(FORMATS[spelling])
    unused = kind(rng, count, 96).astype(FORMATS[spelling])
    matrix, _ = with_rows(trained, unused, rng)
    found = only({name: matrix})
    alone = only({name: trained})
    assert found.unused_rows == count
    assert found.k_without_unused == pytest.approx(alone.k, rel=2e-8)
    by_oracle = linregress_fit(magnitudes(trained))
    assert found.k_without_unused == pytest.approx(by_oracle.k, rel=2e-8)
    assert alone.unused_rows == 0
    assert alone.k_without_unused is None
    assert found.k < alone.k - 0.01


def test_few_weights_are_fitted_exactly():
    """F32 of few elements is sorted, and its other rows are the sorted ones."""
    rng = np.random.default_rng(4)
    trained = gaussian(rng, 500, 64).astype(np.float32)
    matrix, _ = with_rows(trained, decayed(rng, 20, 64).astype(np.float32), rng)
    found = only({EMBED: matrix})
    assert found.unused_rows == 20
    assert found.k_without_unused == pytest.approx(only({EMBED: trained}).k, rel=1e-8)


@pytest.mark.parametrize("spread", [0.2, 0.3])
def test_rows_of_one_size_are_seen_among_rows_of_many(spread):
    rng = np.random.default_rng(5)
    trained = of_unequal_rows(rng, 8500, 256, spread)
    matrix, places = with_rows(trained, as_initialised(rng, 1500, 256), rng)
    found = only({EMBED: matrix.astype(np.float32)})
    # A few trained rows are of the same size by chance: no more than lie within 3 errors of it.
    sizes = np.log(np.sqrt((matrix**2).mean(axis=1)) / 0.009)
    by_chance = (np.abs(np.delete(sizes, places)) < 0.2).sum()
    assert 1485 <= found.unused_rows <= 1500 + by_chance


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize(
    "rows",
    [
        lambda rng: gaussian(rng, 2000, 128),
        lambda rng: 0.02 * rng.uniform(-1, 1, (2000, 128)),
        lambda rng: of_unequal_rows(rng, 2000, 128, 0.1),
        lambda rng: of_unequal_rows(rng, 2000, 128, 0.3),
        lambda rng: of_unequal_rows(rng, 2000, 128, 0.8),
        lambda rng: 0.02 * rng.standard_t(3, (2000, 128)),
        lambda rng: np.linalg.qr(rng.standard_normal((2000, 128)))[0],
        lambda rng: (lambda x: x / np.linalg.norm(x, axis=1)[:, None])(gaussian(rng, 2000, 128)),
    ],
    ids=["fresh", "uniform", "0.1", "0.3", "0.8", "t3", "orthogonal", "of one norm"],
)
def test_rows_that_were_all_trained_or_none_are_not_told_of(rows, seed):
    found = only({EMBED: rows(np.random.default_rng(seed)).astype(np.float32)})
    assert found.unused_rows == 0
    assert found.k_without_unused is None


def test_rows_of_zeros_and_of_nan():
    """Zeros leave k as it is; what is not a number tells of no size."""
    rng = np.random.default_rng(6)
    matrix = gaussian(rng, 400, 64).astype(np.float32)
    matrix[:7] = 0
    matrix[9] = np.nan
    found = only({EMBED: matrix})
    assert (found.unused_rows, found.zero_rows) == (7, 7)
    assert found.k_without_unused == pytest.approx(found.k, rel=1e-8)


def test_other_kinds_and_other_questions_do_not_ask():
    rng = np.random.default_rng(7)
    matrix, _ = with_rows(gaussian(rng, 990, 64), decayed(rng, 10, 64), rng)
    matrix = matrix.astype(np.float32)
    up = only({"model.layers.0.mlp.up_proj.weight": matrix})
    assert up.unused_rows is None
    assert only({EMBED: matrix}, errors="independent").unused_rows is None
    assert only({EMBED: matrix}, protocol="paper").unused_rows is None
    assert only({EMBED: matrix[:60]}).unused_rows is None  # too few rows to know
    assert only({EMBED: matrix}).unused_rows == 10


def test_threads_reading_and_files_give_the_same_numbers(tmp_path):
    rng = np.random.default_rng(8)
    matrix, _ = with_rows(of_unequal_rows(rng, 5700, 64), decayed(rng, 300, 64), rng)
    path = saved(tmp_path, {EMBED: matrix.astype(np.float32)})
    first = wg.fit(path, threads=1)
    assert first.slices[0].unused_rows >= 300
    for options in ({"threads": 2}, {"threads": 7, "io": "pread"}, {"io": "pread"}):
        assert wg.fit(path, **options).to_dict() == first.to_dict()
    kept = tmp_path / "m.wghist"
    wg.scan(path).save(kept)
    assert wg.fit(kept).slices == first.slices
    in_memory = only({EMBED: np.asfortranarray(matrix.astype(np.float32))})
    assert in_memory.unused_rows is None or in_memory.unused_rows == first.slices[0].unused_rows


def test_fed_bytes_do_not_tell(tmp_path):
    rng = np.random.default_rng(9)
    matrix, _ = with_rows(gaussian(rng, 990, 64), decayed(rng, 10, 64), rng)
    path = saved(tmp_path, {EMBED: matrix.astype(np.float32)})
    checkpoint = open_slices(path).checkpoint
    scan = FedScan(checkpoint)
    data = path.read_bytes()
    while wanted := scan.wanted():
        for shard, start, stop in wanted:
            scan.feed(shard, start, data[start:stop])
    (found,) = scan.finish().slices
    assert found.unused_rows is None


def test_they_are_told_of_in_one_sentence():
    rng = np.random.default_rng(10)
    matrix, _ = with_rows(gaussian(rng, 990, 64), decayed(rng, 10, 64), rng)
    fit = wg.fit({EMBED: matrix.astype(np.float32)})
    (told,) = (each for each in fit.findings if each.id == "unused-rows")
    (item,) = fit.slices
    assert (told.level, told.value) == ("note", 10)
    assert "of 1,000 rows 10 look as if never trained" in told.message
    assert f"{item.k_without_unused:.3f} (of all {item.k:.3f})" in told.message
    assert fit.to_dict()["slices"][0]["unused_rows"] == 10


def test_scaled_codes_are_asked_by_their_values(tmp_path):
    """FP8 codes with one scale, which changes no shape."""
    rng = np.random.default_rng(11)
    codes = (10 * rng.standard_normal((1000, 64))).astype(ml_dtypes.float8_e4m3fn)
    codes[500:520] = (0.2 * rng.standard_normal((20, 64))).astype(ml_dtypes.float8_e4m3fn)
    tensors = {HEAD: codes, f"{HEAD}_scale": np.array([0.002], np.float32)}
    path = saved(tmp_path, tensors)
    (item,) = (each for each in wg.fit(path).slices if each.tensor == HEAD)
    assert item.unused_rows == 20
    assert item.k_without_unused > item.k


def test_options_are_those_of_the_fit():
    """The window and what zeros are to it hold for the other rows too."""
    rng = np.random.default_rng(12)
    trained = gaussian(rng, 2000, 64)
    trained[rng.random(trained.shape) < 0.3] = 0
    matrix, _ = with_rows(trained, decayed(rng, 60, 64), rng)
    for options in ({"trim": "full"}, {"zeros": "censor"}):
        found = only({EMBED: matrix.astype(np.float32)}, **options)
        alone = only({EMBED: trained.astype(np.float32)}, **options)
        assert found.unused_rows == 60
        assert found.k_without_unused == pytest.approx(alone.k, rel=1e-6), options


def test_a_trained_model(minilm):
    """The vocabulary of BERT has 994 places without a token, and tokens that are hardly used."""
    (words,) = (
        each for each in wg.fit(minilm).slices if each.tensor.endswith("word_embeddings.weight")
    )
    assert 994 <= words.unused_rows <= 2500
    assert words.k_without_unused > words.k + 0.02


def test_rows_that_begin_with_zeros_are_no_rows_of_zeros():
    """The first 256 elements tell the size of a row, unless they are all zero."""
    rng = np.random.default_rng(13)
    matrix = gaussian(rng, 500, 512).astype(np.float32)
    matrix[:40, :256] = 0
    matrix[40:45] = 0
    found = only({EMBED: matrix})
    assert (found.unused_rows, found.zero_rows) == (5, 5)
    matrix[:, :256] = 0
    matrix[45:, 256:] = gaussian(rng, 455, 256)
    assert only({EMBED: matrix}).unused_rows == 5


def test_rows_of_zeros_are_judged_by_themselves():
    """Others that look unused do not hide that most of an embedding was never written."""
    rng = np.random.default_rng(14)
    matrix = gaussian(rng, 2000, 256)
    matrix[800:] = 0
    matrix[:40] = decayed(rng, 40, 256)
    fit = wg.fit({EMBED: matrix.astype(np.float32)})
    (told,) = (each for each in fit.findings if each.id == "unused-rows")
    assert (told.level, told.value) == ("warning", 1240)
    assert "1,200 are all zeros" in told.message
    assert "40 look as if never trained" in told.message
    assert told.hint
