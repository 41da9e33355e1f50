"""The words that choose a fit, checked in one place."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from weightgauge import _core

TRIMS = ("mid_80", "mid_90", "full")
PROTOCOLS = ("order", "paper")
IO_MODES = ("mmap", "pread")
PER = ("tensor", "head", "expert")


def check_choice(name: str, value: str, choices: Sequence[str]) -> None:
    """Raise ValueError unless `value` is one of `choices`, naming them."""
    if value not in choices:
        allowed = ", ".join(repr(choice) for choice in choices)
        raise ValueError(f"{name} must be one of {allowed}, not {value!r}")


def scan_options(
    *,
    threads: int,
    trim: str = "mid_80",
    protocol: str = "order",
    exact: bool = False,
    fit: bool = True,
    keep_histogram: bool = False,
    probabilities: Sequence[float] = (),
) -> _core.ScanOptions:
    """Options of a scan as the core takes them."""
    from weightgauge import _core
    from weightgauge.magnitudes.paper_bins import paper_bins

    check_choice("trim", trim, TRIMS)
    check_choice("protocol", protocol, PROTOCOLS)
    return _core.ScanOptions(
        trim=trim,
        paper=paper_bins() if protocol == "paper" else None,
        exact=exact,
        fit=fit,
        keep_histogram=keep_histogram,
        probabilities=list(probabilities),
        threads=threads,
        chunk_bytes=1 << 20,
    )
