"""What pages say of standard errors that rest on few rows, few heads, or on products."""

from __future__ import annotations

import json

import numpy as np
import pytest

import weightgauge as wg
from diagnosed import run
from made_fits import made_slice
from weightgauge.fits.clusters import clusters_of, few_lines_in
from weightgauge.fits.columns import columns_of
from weightgauge.reporting.views.errors import errors_note
from weightgauge.reporting.views.fit_notes import fit_notes
from weightgauge.reporting.views.paired_errors import paired_errors_note

UP = "model.layers.0.mlp.up_proj.weight"


def normal(*shape, seed=0):
    return (0.02 * np.random.default_rng(seed).standard_normal(shape)).astype(np.float32)


def model(folder, write_checkpoint, tensors, config=None, name="model"):
    folder.mkdir()
    rows = {key: ("F32", each.shape, each.tobytes()) for key, each in tensors.items()}
    write_checkpoint(folder / f"{name}.safetensors", rows)
    if config is not None:
        place = "adapter_config.json" if name == "adapter_model" else "config.json"
        (folder / place).write_text(json.dumps(config))
    return folder


@pytest.mark.parametrize(
    ("shape", "few"), [((2, 400), True), ((7, 400), True), ((400, 7), True), ((8, 400), False)]
)
def test_fewer_than_eight_rows_or_columns_are_an_exception(shape, few):
    (item,) = wg.fit({UP: normal(*shape)}).slices
    assert few_lines_in(item) is few
    told = "in 1 matrix with fewer than 8 rows, or columns, which tell nothing of how they differ"
    assert (told in errors_note(columns_of([item]))) is few
    assert (told in errors_note(columns_of([item, made_slice("t", "o")]))) is few


def attention(tmp_path, write_checkpoint, heads):
    """q of 8 heads and k of so many, of 16 rows each."""
    tensors = {
        f"model.layers.0.self_attn.{kind}_proj.weight": normal(16 * number, 96, seed=number)
        for kind, number in (("q", 8), ("k", heads))
    }
    config = {
        **{"model_type": "llama", "hidden_size": 96, "head_dim": 16},
        **{"num_attention_heads": 8, "num_key_value_heads": heads},
    }
    return model(tmp_path / "m", write_checkpoint, tensors, config)


@pytest.mark.parametrize(("heads", "few"), [(2, True), (4, True), (8, False)])
def test_few_heads_are_told_of(heads, few, tmp_path, write_checkpoint):
    path = attention(tmp_path, write_checkpoint, heads)
    slices = {item.kind: item for item in wg.fit(path).slices}
    assert clusters_of(slices["q"]) == 8
    assert clusters_of(slices["k"]) == heads
    for command in ("fit", "diagnose"):
        text = " ".join(run(command, path).stdout.split())
        assert ("1 matrix has fewer than 8 heads or experts: ± is itself uncertain" in text) is few


@pytest.mark.parametrize(("channels", "few"), [(3, True), (7, True), (8, False)])
def test_few_channels_are_told_of(channels, few):
    found = wg.fit({"conv_in.weight": normal(64, channels, 3, 3)}).slices
    assert clusters_of(found[0]) == channels
    note = errors_note(columns_of(found))
    assert ("1 matrix has fewer than 8 heads, experts or channels: ± is itself" in note) is few


def test_columns_in_groups_are_counted_too():
    item = made_slice(
        "t", "o", shape=(96, 4096), errors_from="a sample of rows, and columns in groups of 1,024"
    )
    assert clusters_of(item) == 4
    assert clusters_of(made_slice("t", "o", errors_from="all rows and columns")) is None


def adapter(folder, write_checkpoint, blocks=2):
    tensors = {}
    for block in range(blocks):
        name = f"base_model.model.model.layers.{block}.self_attn.q_proj.lora_"
        tensors[f"{name}A.weight"] = normal(8, 256, seed=2 * block)
        tensors[f"{name}B.weight"] = normal(256, 8, seed=2 * block + 1)
    config = {"peft_type": "LORA", "r": 8, "lora_alpha": 16, "target_modules": ["q_proj"]}
    return model(folder, write_checkpoint, tensors, config, name="adapter_model")


def test_nothing_is_judged_by_the_error_of_a_product(tmp_path, write_checkpoint):
    path = adapter(tmp_path / "a", write_checkpoint)
    kinds = {kind.kind: kind for kind in wg.diagnose(path).kinds}
    assert kinds["q"].verdict is None
    assert kinds["lora_a"].verdict in ("inside", "outside", "undecided")
    text = run("diagnose", path).stdout
    (row,) = (line for line in text.splitlines() if line.startswith("q "))
    assert "error not known" in row
    assert " no " not in row
    told = " ".join(text.split())
    assert "B A: what an adapter adds to the matrix. Its elements depend on each other" in told
    assert "products B A, whose error is not known: q" in told


def test_changes_of_products_have_an_error_that_is_too_small(tmp_path, write_checkpoint):
    a = adapter(tmp_path / "a", write_checkpoint)
    b = adapter(tmp_path / "b", write_checkpoint, blocks=1)
    pairs = [pair for pair in wg.compare(a, b, elements=False).pairs if pair.kind == "q"]
    assert "smaller than the true one" in paired_errors_note(pairs)


def test_the_note_is_about_all_that_the_page_shows():
    """Matrices of no known kind, and those in no block, have errors on the page as well."""
    told = {}
    for name, shape in {"w": (256, 128), "a": (1, 500), "c": (3, 300)}.items():
        notes = fit_notes(wg.fit({name: normal(*shape)}))
        (told[name],) = (each for each in notes if each.startswith("±"))
    assert told["w"].endswith("rows, columns, heads and experts with scales of their own.")
    assert told["a"].startswith("±: standard error of independent weights; ")
    assert "1 matrix with fewer than 8 rows, or columns" in told["c"]
