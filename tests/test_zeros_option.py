"""How zeros are taken, wherever a fit is asked for, and where that is told."""

from __future__ import annotations

import json

import numpy as np
import pytest

import weightgauge as wg
from kept_models import run, same
from samples import FORMATS
from weightgauge.checkpoint import open_checkpoint
from weightgauge.errors import NeedsWeightsError
from weightgauge.scanning import FedScan

LAYER = "model.layers.0."


@pytest.fixture
def pruned_model(tmp_path, write_checkpoint):
    """Matrices of several formats and sizes, a third to four fifths of them zeros."""
    rng = np.random.default_rng(0)
    tensors = {}
    for name, dtype, shape, share in (
        ("self_attn.q_proj", "BF16", (128, 128), 0.33),
        ("self_attn.o_proj", "F16", (64, 128), 0.5),
        ("mlp.up_proj", "F32", (128, 256), 0.6),
        ("mlp.gate_proj", "F32", (512, 600), 0.8),  # counted in bins
        ("mlp.down_proj", "F64", (300, 600), 0.5),
        ("self_attn.k_proj", "BF16", (128, 128), 0.0),
        ("self_attn.v_proj", "BF16", (128, 128), 0.99),
    ):
        values = 0.02 * rng.standard_normal(shape)
        if share:
            values[np.abs(values) < np.quantile(np.abs(values), share)] = 0
        tensors[f"{LAYER}{name}.weight"] = (dtype, shape, values.astype(FORMATS[dtype]).tobytes())
    return write_checkpoint(tmp_path / "model.safetensors", tensors), tensors


def direct(tensors, name, **options):
    dtype, shape, data = tensors[name]
    return wg.fit_weibull(np.frombuffer(data, FORMATS[dtype]).reshape(shape), **options)


@pytest.mark.parametrize("io", ["mmap", "pread"])
@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("exact", [False, True])
def test_a_file_has_the_fits_of_its_tensors(pruned_model, io, threads, exact):
    path, tensors = pruned_model
    found = wg.fit(path, zeros="censor", exact=exact, threads=threads, io=io)
    assert found.zero_handling == found.to_dict()["zero_handling"] == "censor"
    for item in found.slices:
        alone = direct(tensors, item.tensor, zeros="censor", exact=exact)
        assert (item.k == alone.k) or (item.k != item.k and alone.k != alone.k)
        assert (item.status, item.reason) == (alone.status, alone.reason)
        assert (item.n, item.zeros) == (alone.n, alone.zeros)
    of = {item.tensor.split(".")[-2]: item for item in found.slices}
    assert of["v_proj"].status == "too_few"
    assert of["q_proj"].status == "sparse"
    assert "left-censored" in of["q_proj"].reason
    assert of["k_proj"].status == "ok"


def test_zeros_are_left_out_unless_asked_for(pruned_model):
    path, tensors = pruned_model
    found = wg.fit(path)
    assert found.zero_handling == "exclude"
    for item in found.slices:
        assert item.k == direct(tensors, item.tensor).k


@pytest.mark.parametrize("step", [1000, 65_536])
def test_fed_bytes_have_the_same_fits(pruned_model, step):
    path, _ = pruned_model
    scan = FedScan(open_checkpoint(path), zeros="censor")
    data = path.read_bytes()
    while ranges := scan.wanted():
        for shard, start, stop in ranges:
            for at in range(start, stop, step):
                scan.feed(shard, at, data[at : min(at + step, stop)])
    assert same(scan.finish(), wg.fit(path, zeros="censor"))


def test_saved_counts_have_the_same_fits(pruned_model, tmp_path):
    path, _ = pruned_model
    kept = wg.scan(path)
    kept.save(tmp_path / "kept.wghist")
    loaded = tmp_path / "kept.wghist"
    for item, again in zip(
        wg.fit(path, zeros="censor").slices, wg.fit(loaded, zeros="censor").slices, strict=True
    ):
        assert (item.status, item.zeros) == (again.status, again.zeros)
        assert (item.lowest == again.lowest) or (item.lowest != item.lowest)
        if item.fitted:
            assert again.k == pytest.approx(item.k, rel=1e-8)
            assert again.lam == pytest.approx(item.lam, rel=1e-8)
    # What is saved are the fits without zeros; asked for as usual they are as they were.
    assert [item.k for item in wg.fit(loaded).slices if item.fitted] == [
        item.k for item in wg.fit(path).slices if item.fitted
    ]


def test_models_in_memory(pruned_model):
    path, tensors = pruned_model
    arrays = {
        name: np.frombuffer(data, FORMATS[dtype]).reshape(shape)
        for name, (dtype, shape, data) in tensors.items()
    }
    of_file = wg.fit(path, zeros="censor").slices
    in_memory = wg.fit(arrays, zeros="censor").slices
    assert [item.k for item in of_file if item.fitted] == [
        item.k for item in in_memory if item.fitted
    ]


def test_a_fit_in_hand_must_have_been_made_so(pruned_model):
    path, _ = pruned_model
    left_out, censored = wg.fit(path), wg.fit(path, zeros="censor")
    assert wg.diagnose(censored, zeros="censor").zero_handling == "censor"
    assert wg.compare(censored, censored, zeros="censor").zero_handling == "censor"
    with pytest.raises(NeedsWeightsError, match="made with order, mid_80; for another"):
        wg.diagnose(left_out, zeros="censor")
    with pytest.raises(NeedsWeightsError, match="made with order, mid_80, zeros censored; for"):
        wg.diagnose(censored)


def test_steps_of_a_run(pruned_model):
    path, _ = pruned_model
    found = wg.track({0: path, 5: path}, zeros="censor")
    assert found.zero_handling == found.to_dict()["zero_handling"] == "censor"
    censored = {item.tensor: item.k for item in wg.fit(path, zeros="censor").slices}
    for series in found.slices:
        assert series.k[0] == censored[series.tensor] or series.k[0] != series.k[0]
        assert series.withheld is None  # the same share at all steps


def test_differences_leave_equal_elements_out(pruned_model):
    """The zeros of a difference are elements that did not change: nothing is censored there."""
    path, _ = pruned_model
    pair = wg.compare(path, path, zeros="censor").pairs[0]
    assert pair.changed == 0
    rows = wg.compare(path, path).pairs
    assert [row.difference_rms for row in rows] == [0.0] * len(rows)


@pytest.mark.parametrize("command", ["fit", "diagnose", "compare", "track"])
def test_commands_take_the_option_and_say_it(pruned_model, command):
    path, _ = pruned_model
    other = path.with_name("other.safetensors")
    other.write_bytes(path.read_bytes()[:-2] + b"\x00\x3c")
    models = (path, other) if command in ("compare", "track") else (path,)
    steps = ("--steps", "0,5") if command == "track" else ()
    told = json.loads(run(command, *models, *steps, "--zeros", "censor", "--json").stdout)
    assert told["zero_handling"] == "censor"
    plain = json.loads(run(command, *models, *steps, "--json").stdout)
    assert plain["zero_handling"] == "exclude"
    assert "left-censored" in run(command, *models, *steps, "--zeros", "censor").output


def test_the_note_says_what_more_than_a_tenth_of_zeros_were_taken_for(pruned_model):
    path, _ = pruned_model
    left_out = " ".join(run("fit", path).output.split())
    censored = " ".join(run("fit", path, "--zeros", "censor").output.split())
    assert "more than 10 % of the weights are zero; the fit is of the others" in left_out
    assert "--zeros censor" in left_out
    assert "more than 10 % of the weights are zero; they rank below the others" in censored
    assert "zeros left-censored" in censored


@pytest.mark.parametrize("command", ["fit", "track"])
def test_the_published_protocol_is_refused_in_one_line(pruned_model, command):
    path, _ = pruned_model
    steps = ("--steps", "0") if command == "track" else ()
    told = run(command, path, *steps, "--protocol", "paper", "--zeros", "censor")
    assert told.exit_code == 2
    lines = [line for line in told.stderr.splitlines() if line.startswith("Error")]
    assert len(lines) == 1
    assert "--zeros censor is for --protocol order" in told.stderr
