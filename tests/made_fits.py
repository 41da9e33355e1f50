"""Results of `weightgauge.fit` made by hand, and golden files to compare pages with."""

from __future__ import annotations

import os
from pathlib import Path

from weightgauge.fits.kind_summary import summaries
from weightgauge.fits.model_fit import ModelFit, SliceFit

GOLDEN = Path(__file__).parent / "golden"
NAN = float("nan")


def made_slice(tensor: str, kind: str, block: int | None = None, **given: object) -> SliceFit:
    """A slice of 4,096 weights with k = 1.2; without numbers where the status says so.

    Unless they are given, the errors of the matrix are those of independent weights.
    """
    fields: dict[str, object] = {
        **{"tensor": tensor, "part": None, "kind": kind, "block": block, "tower": None},
        **{"expert": None, "head": None, "dtype": "BF16", "shape": (64, 64), "n": 4096},
        **{"zeros": 0, "nonfinite": 0, "status": "ok", "reason": "", "decoded": ""},
        **{"k": 1.2, "k_se": 0.0213},
        **{"lam": 0.0177, "ln_lambda_se": 0.0135, "r2": 0.9977, "ks": 0.0251},
        **{"rms": 0.02, "max": 0.0752},
        **{"negatives": 2050, "zero_blocks": 0, "levels": 1900, "at_max": 1, "second": 0.0743},
        **{"lowest": 1.2e-6},
        **{"digest": "0123456789abcdef"},
        **{"errors_from": "counts alone", "fresh_z": NAN, "spread": None},
        **{"zero_rows": None, "zero_columns": None},
        **{"unused_rows": None, "k_without_unused": None, "far_out": 0, "row_levels": 0},
        **{"large_rows": None, "large_columns": None},
    }
    if given.get("status", "ok") not in ("ok", "sparse", "scale_not_applied"):
        fields |= dict.fromkeys(("k", "k_se", "lam", "ln_lambda_se", "r2", "ks"), NAN)
        fields["errors_from"] = ""
    fields |= given
    for error in ("k_se", "ln_lambda_se"):  # as they are where nothing is known of rows and columns
        fields.setdefault(f"{error}_matrix", fields[error])
    return SliceFit(**fields)  # type: ignore[arg-type]


def made_fit(*slices: SliceFit, model: str = "made/by-hand", **given: object) -> ModelFit:
    """A model fit with these slices, in this order."""
    fields: dict[str, object] = {"protocol": "order", "trim": "mid_80", "exact": False}
    fields |= {"zero_handling": "exclude"}
    fields |= {"warnings": (), **given}
    return ModelFit(
        model=model,
        slices=slices,
        kinds=summaries(slices),
        **fields,  # type: ignore[arg-type]
    )


def same_as_golden(name: str, text: str) -> bool:
    """Compare with a golden file; WEIGHTGAUGE_WRITE_GOLDEN=1 writes it, to be read."""
    path = GOLDEN / name
    if os.environ.get("WEIGHTGAUGE_WRITE_GOLDEN"):
        path.parent.mkdir(exist_ok=True)
        path.write_text(text, encoding="utf-8")
    assert text == path.read_text(encoding="utf-8")
    return True
