"""One slice of a fit with its counts, for the picture that needs all magnitudes."""

from __future__ import annotations

import glob
import os
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from weightgauge.choices import nearest
from weightgauge.errors import (
    FileChangedError,
    NeedsWeightsError,
    NothingSelectedError,
    NothingToDrawError,
    printable,
)
from weightgauge.findings import slice_name
from weightgauge.fits import SliceFit
from weightgauge.wording import none_of

if TYPE_CHECKING:
    from weightgauge.fits import ModelFit
    from weightgauge.magnitudes.histogram import MagnitudeHistogram

_NAMES_SHOWN = 3


def slice_of(fit: ModelFit, tensor: str | SliceFit) -> SliceFit:
    """Find the slice that a caller means.

    Parameters
    ----------
    fit : ModelFit
        Where to look.
    tensor : str or SliceFit
        The name of a tensor, or the slice itself.

    Raises
    ------
    NothingSelectedError
        If there is no such tensor, or it has several slices and none that is the whole of it; the
        message tells the nearest names, or what there is.
    """
    if isinstance(tensor, SliceFit):
        return tensor
    found = [item for item in fit.slices if item.tensor == tensor]
    if len(found) == 1:
        return found[0]
    whole = [item for item in found if (item.part, item.expert, item.head) == (None, None, None)]
    if whole:
        return whole[0]
    if found:
        shown = ", ".join(map(slice_name, found[:_NAMES_SHOWN]))
        raise NothingSelectedError(
            f"'{printable(tensor)}' has {len(found):,} slices and none of the whole: give one of "
            f"them in place of the name, as fit.select() finds it ({shown}, ...)"
        )
    raise NothingSelectedError(
        no_such_tensor(list(dict.fromkeys(item.tensor for item in fit.slices)), tensor)
    )


def no_such_tensor(names: Sequence[str], tensor: str) -> str:
    """Say that no tensor has a name, and which name is the nearest.

    Parameters
    ----------
    names : sequence of str
        Those that there are.
    tensor : str
        The one that was asked for.
    """
    near = nearest(tensor, names)
    meant = f"; did you mean '{printable(near)}'?" if near else ""
    return f"{none_of(len(names), 'tensor')} called '{printable(tensor)}'{meant}"


def counts_of(fit: ModelFit, item: SliceFit, source: Any) -> MagnitudeHistogram:
    """Count the magnitudes of a slice, which a fit does not keep.

    Parameters
    ----------
    fit : ModelFit
        What the slice belongs to.
    item : SliceFit
        The slice.
    source : model or None
        What to read it from, as for `weightgauge.fit`; None for the path or name of the fit.

    Raises
    ------
    NothingToDrawError
        If it holds no weights, but integers, for example.
    NeedsWeightsError
        If the model of the fit was in memory and no source is given, or counts were not kept.
    FileChangedError
        If the tensor has other bytes than when it was fitted.
    """
    from weightgauge.scanning import scan

    if source is None and not _is_named(fit.model):
        raise NeedsWeightsError(
            f"{printable(fit.model)}: a fit keeps no counts, and its model is not to be found: "
            "give the model or its histograms as source"
        )
    per = "head" if item.head is not None else "expert" if item.expert is not None else "tensor"
    found = scan(fit.model if source is None else source, include=glob.escape(item.tensor), per=per)
    for each in found.slices:
        if each.fit.key == item.key:
            counts = each.histogram()
            if counts is None:
                break
            if None not in (item.digest, each.fit.digest) and item.digest != each.fit.digest:
                raise FileChangedError(
                    f"tensor '{printable(item.tensor)}' has other bytes than when it was fitted"
                )
            return counts
    if item.status == "not_applicable":
        raise NothingToDrawError(f"'{printable(item.tensor)}': {printable(item.reason)}")
    raise NeedsWeightsError(f"tensor '{printable(item.tensor)}' has no counts to draw")


def _is_named(model: str) -> bool:
    """Whether a fit's model can be opened by its name: a path, or a name on the Hub."""
    return os.path.lexists(model) or "/" in model
