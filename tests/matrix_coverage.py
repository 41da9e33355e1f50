"""Fits of single matrices, and how often their errors hold.

Run as a program, it prints the tables of coverage of docs/statistics.md: of 1,000 draws, and of 400
of the largest matrices, in a few minutes.
"""

from __future__ import annotations

import json
import math
import tempfile
from pathlib import Path

import numpy as np
from safetensors.numpy import save_file

import weightgauge as wg
from matrix_samples import MATRICES, coverage, with_heads

SHAPES = ((64, 1024), (256, 256), (768, 768))
HEADS = (2, 4, 8, 12)
SPREADS = (0.0, 0.12, 0.25, 0.5)
"""Standard deviations of the logarithm of the scales of heads."""


def only_slice(values, **options):
    return wg.fit({"model.layers.0.mlp.up_proj.weight": values}, **options).slices[0]


def of_heads(folder, kind, values, heads, **options):
    """The fit of a projection of a model with so many heads."""
    width = values.shape[1 if kind == "o" else 0]
    config = {
        "model_type": "llama",
        "hidden_size": width,
        "num_attention_heads": heads,
        "num_key_value_heads": heads,
        "head_dim": width // heads,
    }
    folder.mkdir(exist_ok=True)
    (folder / "config.json").write_text(json.dumps(config))
    name = f"model.layers.0.self_attn.{kind}_proj.weight"
    save_file({name: np.ascontiguousarray(values)}, folder / "model.safetensors")
    (found,) = wg.fit(folder, **options).slices
    return found


def numbers(found):
    """k, ln lambda, and the errors of both."""
    return found.k, math.log(found.lam), found.k_se_matrix, found.ln_lambda_se_matrix


def coverage_of(name, shape, draws, seed):
    """How often intervals hold k and ln lambda of this kind of matrix."""
    return coverage(
        lambda values: numbers(only_slice(values)), MATRICES[name], shape, draws=draws, seed=seed
    )


def coverage_of_heads(folder, heads, spread, draws, seed):
    """The same for q of a model with so many heads, in a matrix of 384 x 384."""
    return coverage(
        lambda values: numbers(of_heads(folder, "q", values, heads)),
        with_heads(heads, of_heads=spread),
        (384, 384),
        draws=draws,
        seed=seed,
    )


def row(name, cells):
    """One line of a table; of each cell that of k and that of ln lambda."""
    return f"| {name} | " + " | ".join(f"{k:.3f}, {scale:.3f}" for k, scale in cells) + " |"


def print_tables():
    """Print both tables."""
    print("| k, ln λ |", " | ".join(f"{rows} x {columns}" for rows, columns in SHAPES), "|")
    print("|---" * (1 + len(SHAPES)) + "|")
    for name in MATRICES:
        draws = {shape: 400 if shape[0] == 768 else 1000 for shape in SHAPES}
        print(row(name, [coverage_of(name, shape, draws[shape], 101) for shape in SHAPES]))
    print("\n| heads |", " | ".join(f"{spread:g}" for spread in SPREADS), "|")
    print("|---" * (1 + len(SPREADS)) + "|")
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder) / "model"
        for heads in HEADS:
            cells = [coverage_of_heads(place, heads, spread, 1000, 102) for spread in SPREADS]
            print(row(heads, cells))


if __name__ == "__main__":
    print_tables()
