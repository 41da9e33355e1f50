"""What the bytes of whole tensors show: stretches of zeros, and equal content under two names."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from weightgauge.dtypes import ITEM_BYTES
from weightgauge.errors import printable
from weightgauge.findings import RULES, Finding
from weightgauge.fits.slice_fits import SliceFits

if TYPE_CHECKING:
    from weightgauge.fits.slice_fit import SliceFit
    from weightgauge.fits.slice_numbers import SliceNumbers

_BLOCK = 2048
"""Bytes of a block of zeros: see `SliceFit.zero_blocks`."""

_PAGE = 4096
"""Bytes of a page of a file: what is lost of a file is lost by pages."""

_STRAY, _STRAY_SHARE = 4, 1e-5
"""Zeros that a dense matrix may have anywhere, such as F16 weights that became too small."""

_MOSTLY = 0.5
"""A tensor with more zeros than these was pruned, and is not dense elsewhere."""

_FEWEST_ELEMENTS = 256
"""Smaller matrices can be equal by chance, or by their initialisation."""

_TIED = frozenset(("embed", "head"))
"""Kinds whose rows belong to tokens, and which may be one matrix."""


def tensor_findings(slices: Sequence[SliceFit], numbers: SliceNumbers) -> Iterator[Finding]:
    """Ask what the bytes of whole tensors show.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices of one model.
    numbers : SliceNumbers
        Their numbers.
    """
    holed = (numbers.zero_blocks > 0) & numbers.matrix & (numbers.zeros < numbers.elements)
    for row in np.flatnonzero(holed).tolist():
        yield from _stretches_of_zeros(slices[row])
    yield from _duplicates(slices, numbers)


def _stretches_of_zeros(item: SliceFit) -> Iterator[Finding]:
    """Tell zeros that fill whole rows from zeros that begin and end anywhere."""
    elements = item.n + item.zeros + item.nonfinite
    if item.zeros > _MOSTLY * elements:
        return
    rows, odd = divmod(item.zeros, item.shape[-1])
    odd = 0 if odd <= _STRAY + _STRAY_SHARE * elements else odd
    item_bytes = ITEM_BYTES.get(item.dtype, 1)
    width = item.shape[-1] * item_bytes
    if item.kind in _TIED and not odd:
        yield RULES["unused-rows"].finding(item.place, value=rows)
    elif not odd and (width >= _BLOCK or rows * width % _PAGE):
        yield RULES["dead-rows"].finding(item.place, value=rows)
    else:
        yield RULES["zero-hole"].finding(item.place, value=item.zero_blocks, expected=0)


def _duplicates(slices: Sequence[SliceFit], numbers: SliceNumbers) -> Iterator[Finding]:
    """Tell of matrices with the bytes of another one; a head may be that of the embedding."""
    seen: dict[tuple[str | None, str, tuple[int, ...]], SliceFit] = {}
    asked = numbers.known & (numbers.n >= _FEWEST_ELEMENTS) & (numbers.levels != 1)
    for row in np.flatnonzero(asked).tolist() if _repeated(slices, asked) else ():
        item = slices[row]
        if item.digest is None:
            continue
        first = seen.setdefault((item.digest, item.dtype, item.shape), item)
        if first is not item and not {first.kind, item.kind} <= _TIED:
            yield RULES["duplicate"].finding(
                item.place, value=item.digest, other=printable(first.tensor)
            )


def _repeated(
    slices: Sequence[SliceFit], asked: np.ndarray[tuple[int], np.dtype[np.bool_]]
) -> bool:
    """Whether any two digests are equal, asked quickly where slices are columns."""
    if not isinstance(slices, SliceFits):
        return True
    digests = slices.numbers["digest"][asked & (slices.numbers["digested"] != 0)]
    return len(np.unique(digests)) < len(digests)


def tied_finding(slices: Sequence[SliceFit], tied: bool | None) -> Iterator[Finding]:
    """Tell of a head that differs from the embedding that it is tied to.

    Parameters
    ----------
    slices : sequence of SliceFit
        All slices of one model.
    tied : bool or None
        Whether the configuration ties the two.
    """
    if not tied:
        return
    whole = {
        kind: [item for item in slices if item.kind == kind and item.digest is not None]
        for kind in ("embed", "head")
    }
    if len(whole["embed"]) != 1 or len(whole["head"]) != 1:
        return
    (embed,), (head,) = whole["embed"], whole["head"]
    same_form = (embed.shape, embed.dtype) == (head.shape, head.dtype)
    if same_form and embed.digest != head.digest:
        yield RULES["tied-differs"].finding(
            head.place, value=head.digest, expected=embed.digest, other=printable(embed.tensor)
        )
