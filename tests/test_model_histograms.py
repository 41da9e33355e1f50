"""Saved counts of a model in place of its weights: the same numbers, or clear errors."""

from __future__ import annotations

import json
import math

import numpy as np
import pytest
from safetensors.numpy import save_file

import weightgauge as wg
from kept_models import assert_fitted_anew, assert_knows_counts_alone, run, same, stored
from weightgauge import demo
from weightgauge.errors import (
    HistogramFileError,
    NeedsWeightsError,
    NothingSelectedError,
    OutputExistsError,
)

LARGE = (400, 400)  # beyond what is counted magnitude by magnitude


@pytest.fixture(scope="module")
def mixture(tmp_path_factory, write_checkpoint):
    """One checkpoint with all that a slice can be."""
    directory = tmp_path_factory.mktemp("mixture")
    layer = "model.layers.{}.{}.weight".format
    tensors = {
        layer(0, "self_attn.qkv_proj"): stored((96, 32), "BF16", 1),
        layer(0, "self_attn.o_proj"): stored((32, 32), "F16", 2),
        layer(0, "mlp.up_proj"): stored(LARGE, "F32", 3),
        layer(0, "mlp.down_proj"): stored(LARGE, "F64", 4),
        layer(1, "self_attn.q_proj"): stored((64, 64), "F8_E4M3", 5, 1.0),
        layer(1, "self_attn.q_proj") + "_scale": ("F32", (), np.float32(0.013).tobytes()),
        layer(1, "self_attn.k_proj"): stored((64, 64), "F8_E4M3", 6, 1.0),
        layer(1, "self_attn.k_proj") + "_scale": ("F32", (), np.float32(math.inf).tobytes()),
        layer(1, "mlp.up_proj"): stored((256, 256), "F8_E4M3", 7, 1.0),
        layer(1, "mlp.up_proj") + "_scale_inv": stored((2, 2), "F32", 8, 1.0),
        "model.norm.weight": ("F32", (64,), np.ones(64, np.float32).tobytes()),
        "model.zeros.weight": ("BF16", (64, 64), bytes(2 * 64 * 64)),
        "model.nothing.weight": ("F32", (0, 4), b""),
        "model.ids": ("I64", (5,), bytes(40)),
        "model.packed": ("F6_E2M3", (8, 4), bytes(24)),
        # So close together that bins are not enough: the scan looks at the weights themselves.
        "model.narrow.weight": (
            "F64",
            LARGE,
            (1 + np.random.default_rng(9).normal(0, 1e-5, LARGE)).tobytes(),
        ),
    }
    path = write_checkpoint(directory / "model.safetensors", tensors)
    config = {"model_type": "phi3", "num_attention_heads": 4, "hidden_size": 32}
    (directory / "config.json").write_text(json.dumps(config))
    return path.parent


@pytest.mark.parametrize("trim", ["mid_80", "mid_90", "full"])
def test_fits_are_the_same(mixture, tmp_path, trim):
    wg.scan(mixture).save(tmp_path / "kept.wghist")
    from_counts = wg.fit(tmp_path / "kept.wghist", trim=trim)
    from_weights = wg.fit(mixture, trim=trim)
    if trim == "mid_80":
        assert same(from_counts, from_weights)
        return
    for kept, fresh in zip(from_counts.slices, from_weights.slices, strict=True):
        if kept.tensor == "model.narrow.weight":
            assert kept.status == "degenerate" and "too close together" in kept.reason
            assert_knows_counts_alone(kept)
        elif fresh.status in ("not_applicable", "unsupported_dtype"):
            assert kept.to_dict() == fresh.to_dict()
        else:
            assert_fitted_anew(kept, fresh)


@pytest.mark.parametrize("errors", ["full", "independent"])
def test_errors_are_kept_as_the_scan_found_them(mixture, tmp_path, errors):
    wg.scan(mixture, errors=errors).save(tmp_path / "kept.wghist")
    assert same(wg.fit(tmp_path / "kept.wghist"), wg.fit(mixture, errors=errors))


def test_independent_errors_are_there_for_the_asking(mixture):
    found = wg.fit(wg.scan(mixture), errors="independent")
    assert same(found, wg.fit(mixture, errors="independent"))
    assert not same(found, wg.fit(mixture))


def test_tables_of_counts_are_those_of_the_fit(mixture, tmp_path):
    wg.scan(mixture).save(tmp_path / "kept.wghist")
    wanted = wg.fit(mixture)
    for kept in (wg.scan(mixture), wg.ModelHistograms.load(tmp_path / "kept.wghist")):
        assert kept.to_dicts() == wanted.to_dicts()
    pytest.importorskip("pandas")
    assert wg.scan(mixture).to_pandas().equals(wanted.to_pandas())


def test_fits_by_the_published_protocol_are_the_same(mixture):
    from_counts = wg.fit(wg.scan(mixture), protocol="paper")
    assert "3 large F32 and F64 slices were counted in fine bins" in from_counts.warnings[-1]
    for kept, fresh in zip(
        from_counts.slices, wg.fit(mixture, protocol="paper").slices, strict=True
    ):
        if kept.dtype in ("F32", "F64") and kept.shape == LARGE:
            if kept.tensor != "model.narrow.weight":
                # One element in 500 lies in another of the 1,024 bins than its fine bin's mean.
                assert kept.k == pytest.approx(fresh.k, rel=1e-3)
        elif fresh.fitted and fresh.decoded:
            assert (kept.k, kept.lam) == pytest.approx((fresh.k, fresh.lam), rel=1e-6)
        else:
            assert_fitted_anew(kept, fresh)


@pytest.mark.parametrize("per", ["head", "expert"])
def test_heads_and_experts_are_kept_as_asked_for(mixture, tmp_path, per):
    kept = wg.scan(mixture, per=per)
    assert same(wg.fit(kept, per=per), wg.fit(mixture, per=per))
    with pytest.raises(NeedsWeightsError, match=f"those per {per}"):
        wg.fit(kept)


def test_what_is_known_of_the_model_is_kept(mixture, tmp_path):
    path = tmp_path / "kept.wghist"
    wg.scan(mixture).save(path)
    kept = wg.ModelHistograms.load(path)
    fresh = wg.fit(mixture)
    assert kept.architecture.to_dict() == fresh.architecture.to_dict()
    assert kept.warnings == fresh.warnings
    assert kept.model == str(mixture)
    size = f"{len(fresh.slices)} slices per tensor, {kept.nbytes:,} bytes"
    assert repr(kept) == f"<ModelHistograms '{mixture}': {size}>"
    by_ls = [json.loads(run("ls", source, "--json").stdout) for source in (path, mixture)]
    digests = [[row.pop("digest") for row in each["tensors"]] for each in by_ls]
    assert by_ls[0] == by_ls[1]
    assert all(digests[0]) and not any(digests[1])  # headers do not tell them


def test_patterns_choose_among_what_was_kept(mixture):
    kept = wg.scan(mixture)
    assert same(wg.fit(kept, include="*mlp*"), wg.fit(mixture, include="*mlp*"))
    assert wg.fit(kept, exclude="*nosuch*").warnings[-1].endswith("matches no tensor")
    with pytest.raises(NothingSelectedError):
        wg.fit(kept, include="*nosuch*")


def test_counts_chosen_at_the_scan_are_all_there_is(mixture):
    kept = wg.scan(mixture, include="*self_attn*")
    assert {item.tensor for item in wg.fit(kept).slices} == {
        item.tensor for item in wg.fit(mixture, include="*self_attn*").slices
    }


def test_exact_fits_of_bins_need_the_weights(mixture, tmp_path):
    with pytest.raises(NeedsWeightsError, match="exact fits need the weights"):
        wg.fit(wg.scan(mixture), exact=True)
    wg.scan(mixture).save(tmp_path / "kept.wghist")
    with pytest.raises(NeedsWeightsError, match=r"kept\.wghist: large F32"):
        wg.fit(tmp_path / "kept.wghist", exact=True)
    sixteen_bits = wg.scan(demo.paths()["step-last"])
    assert wg.fit(sixteen_bits, exact=True).slices == wg.fit(demo.paths()["step-last"]).slices


def test_16_bit_weights_shrink(tmp_path, write_checkpoint):
    weights = stored((2048, 2048), "BF16")
    model = write_checkpoint(tmp_path / "m.safetensors", {"h.0.mlp.c_fc.weight": weights})
    wg.scan(model).save(tmp_path / "m.wghist")
    # About 2,500 magnitudes at three bytes each, beside 8 MB.
    assert (tmp_path / "m.wghist").stat().st_size < 20_000


def test_a_scan_of_a_scan_is_itself(mixture, tmp_path):
    kept = wg.scan(mixture)
    kept.save(tmp_path / "a.wghist")
    again = wg.scan(tmp_path / "a.wghist")
    assert same(wg.fit(again), wg.fit(kept)) and again.nbytes == kept.nbytes


def test_progress_is_told_in_bytes_of_weights(mixture):
    calls = []
    wg.scan(mixture, progress=lambda done, total: calls.append((done, total)))
    assert calls[-1][0] == calls[-1][1] > 2_500_000
    assert calls == sorted(calls)


def test_small_batches_give_the_same(mixture, monkeypatch):
    whole = wg.scan(mixture)
    monkeypatch.setattr("weightgauge.scanning.checkpoint_slices._BATCH_BYTES", 1)
    calls = []
    parts = wg.scan(mixture, progress=lambda done, total: calls.append((done, total)))
    assert same(wg.fit(parts), wg.fit(whole))
    assert calls[-1][0] == calls[-1][1] and calls == sorted(calls)


# -- files


def test_existing_files_are_left_alone(mixture, tmp_path):
    path = tmp_path / "kept.wghist"
    path.write_bytes(b"precious")
    with pytest.raises(OutputExistsError):
        wg.scan(mixture).save(path)
    assert path.read_bytes() == b"precious"
    wg.scan(mixture).save(path, force=True)
    assert len(wg.ModelHistograms.load(path).slices) > 10


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (None, "no such file"),
        (b"", "the file is empty"),
        (b"\x00" * 100, "the header length is 0"),
        (b"PK\x03\x04" * 50, "looks like a PyTorch pickle"),
    ],
)
def test_what_is_no_such_file(tmp_path, content, message):
    path = tmp_path / "a.wghist"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(HistogramFileError, match=message):
        wg.fit(path)
    result = run("fit", path)
    assert result.exit_code == 1 and "hint: 'weightgauge scan" in result.stderr


def test_weights_are_not_taken_for_counts(tmp_path):
    path = tmp_path / "a.wghist"
    save_file({"w": np.ones((3, 3), np.float32)}, path)
    with pytest.raises(HistogramFileError, match="holds the tensors of a checkpoint"):
        wg.fit(path)


def test_a_single_histogram_is_not_taken_for_those_of_a_model(tmp_path):
    path = tmp_path / "a.wghist"
    wg.magnitude_histogram([1.0, 2.0]).save(path)
    with pytest.raises(HistogramFileError, match="holds one histogram, and not those"):
        wg.fit(path)


# -- the command


def test_the_command_keeps_counts(mixture, tmp_path):
    path = tmp_path / "kept.wghist"
    result = run("scan", mixture, "-o", path)
    assert result.exit_code == 3  # codes without a decoder
    assert f"{path}: {path.stat().st_size:,} bytes for " in result.stdout
    assert result.stdout.splitlines()[1] == "4 faults, 2 warnings"
    assert run("fit", path, "--json").stdout == run("fit", mixture, "--json").stdout
    assert run("scan", mixture, "-o", path).exit_code == 1
    assert run("scan", mixture, "-o", path, "--force", "-q").stdout == ""


@pytest.mark.parametrize("arguments", [["m"], ["m", "-o", "kept.json"], ["m", "-o", "-"]])
def test_the_command_needs_a_file_of_that_name(arguments):
    result = run("scan", *arguments)
    assert result.exit_code == 2 and "--output" in result.stderr


def test_published_medians_beside_saved_counts(tmp_path):
    kept = tmp_path / "kept.wghist"
    wg.scan(demo.paths()["step-last"]).save(kept)
    first, second = (
        json.loads(run("reproduce", "--model", source, "--json").stdout)["live"]
        for source in (kept, demo.paths()["step-last"])
    )
    assert first == second
