"""The medians of a model beside those of a published model."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from weightgauge.records import Table, as_row
from weightgauge.reference.entries import models
from weightgauge.reference.nearest import nearest

if TYPE_CHECKING:
    from weightgauge.fits.kind_summary import KindSummary


@dataclass(frozen=True, slots=True, repr=False)
class KindBeside:
    """Medians of one kind of matrix, as fitted here and as published.

    Attributes
    ----------
    kind : str
        One of `weightgauge.anatomy.components.KINDS`.
    k, k_published, lam, lambda_published : float
        Medians over blocks. NaN where only the other model has the kind.
    """

    kind: str
    k: float
    k_published: float
    lam: float
    lambda_published: float

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON, None in place of NaN."""
        return as_row(self)

    def __repr__(self) -> str:
        """Show both shapes."""
        return f"<KindBeside {self.kind}: k {self.k:.3f}, published {self.k_published:.3f}>"


def entry_for(model: str, k_by_kind: Mapping[str, float]) -> str | None:
    """Find the published entry for a model.

    Parameters
    ----------
    model : str
        A path, or an id on the Hub, as the user wrote it. If its last part is the id of an entry,
        such as "pythia-70m", that entry is returned.
    k_by_kind : mapping of str to float
        Median shapes of the model. Without such a name, the entry nearest to them is returned.

    Returns
    -------
    str or None
        An id of `weightgauge.reference.models`; None where no kind is in common.
    """
    name = re.split("[/\\\\]", model.partition("@")[0].rstrip("/\\"))[-1].lower()
    if name in models():
        return name
    ranked = nearest(k_by_kind)
    return ranked[0].id if ranked else None


def beside_published(kinds: Sequence[KindSummary], entry: str) -> Table[KindBeside]:
    """Set the medians of a model beside published ones.

    Parameters
    ----------
    kinds : sequence of KindSummary
        Medians of a fit by the paper's protocol.
    entry : str
        Id of the published model.

    Returns
    -------
    Table of KindBeside
        One row for each kind of the published model.

    Raises
    ------
    KeyError
        If there is no such entry.
    """
    found = {kind.kind: kind for kind in kinds}
    nan = math.nan
    rows = [
        KindBeside(
            kind=kind,
            k=found[kind].k_median if kind in found else nan,
            k_published=published.k,
            lam=found[kind].lambda_median if kind in found else nan,
            lambda_published=published.lam,
        )
        for kind, published in models()[entry].kinds.items()
    ]
    return Table(KindBeside, rows)
