"""What a page was made from, with what, and how: so that it can be made again."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from weightgauge._version import __version__
from weightgauge.choices import TRIMS

if TYPE_CHECKING:
    from weightgauge.scanning import ModelHistograms


def made_with(command: str) -> list[tuple[str, str]]:
    """Return the program, the command and the date, which SOURCE_DATE_EPOCH sets if it is given.

    Parameters
    ----------
    command : str
        What was typed; "" for a call from Python.
    """
    epoch = os.environ.get("SOURCE_DATE_EPOCH", "")
    now = datetime.fromtimestamp(int(epoch), UTC) if epoch.isdecimal() else datetime.now(UTC)
    return [
        ("made by", f"weightgauge {__version__}"),
        *([("command", command)] if command else []),
        ("date", now.strftime("%Y-%m-%d %H:%M UTC")),
    ]


def settings_of(per: str, trim: str = "mid_80") -> list[tuple[str, str]]:
    """Return how the fits were made, in words."""
    low, high = TRIMS[trim].low, TRIMS[trim].high
    return [
        ("fits", f"order statistics, window {trim}: {low:.0%} to {high:.0%} of the magnitudes"),
        ("one fit", f"per {per}"),
    ]


def weights_of(kept: ModelHistograms, name: str = "model") -> list[tuple[str, str]]:
    """Return what identifies the weights: the model, its files, and a digest of all tensors.

    Parameters
    ----------
    kept : ModelHistograms
        What was scanned.
    name : str
        What to call it.
    """
    digest = model_digest([(row["tensor"], row.get("digest")) for row in kept.tensors])
    return [
        (name, kept.file or kept.model),
        *([(f"{name}, scanned from", kept.model)] if kept.file else []),
        (f"{name}, files of weights", f"{kept.files:,}"),
        *([(f"{name}, digest of all tensors", digest)] if digest else []),
    ]


def model_digest(tensors: Sequence[tuple[str, str | None]]) -> str:
    """Return a digest of the digests of all tensors, by name; "" where one has none.

    Two models have the same one if, and for all that is known only if, they have the same tensors
    with the same bytes; see docs/statistics.md for what the digest of a tensor is.
    """
    if not tensors or any(digest is None for _, digest in tensors):
        return ""
    lines = "".join(f"{name}\0{digest}\n" for name, digest in sorted(tensors))
    return hashlib.sha256(lines.encode("utf-8", "surrogatepass")).hexdigest()[:32]
