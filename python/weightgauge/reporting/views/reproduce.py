"""The document of `weightgauge reproduce`: claims, and a model beside published ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

from weightgauge.errors import printable
from weightgauge.reporting.document import (
    Column,
    Document,
    DocumentTable,
    Section,
    metadata,
    plain_columns,
)
from weightgauge.reporting.values import range_text

if TYPE_CHECKING:
    from weightgauge.fits import ModelFit
    from weightgauge.reference.beside import KindBeside
    from weightgauge.reference.claims import Claim

_RECORDS = ("id", "claim", "formula", "value", "published", "unit", "verdict", "note")


class Figure(NamedTuple):
    """A figure of a claim, with its unit.

    Attributes
    ----------
    value : float or tuple of float
        A number, or both ends of a range.
    unit : str
        "%", or "" for none.
    """

    value: float | tuple[float, float]
    unit: str


class Live(NamedTuple):
    """A checkpoint fitted now, and the published model that it is compared with.

    Attributes
    ----------
    result : ModelFit
        Its fit by the published protocol.
    entry : str or None
        The published model; None if none has a kind of matrix in common with the checkpoint.
    kinds : tuple of KindBeside
        Medians of both.
    """

    result: ModelFit
    entry: str | None
    kinds: tuple[KindBeside, ...]

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "model": self.result.model,
            "entry": self.entry,
            "kinds": [kind.to_dict() for kind in self.kinds],
        }


def reproduce_document(claims: Sequence[Claim], live: Live | None) -> Document:
    """Show every claim with the recomputed and the published figure.

    Parameters
    ----------
    claims : sequence of Claim
        The claims.
    live : Live or None
        A checkpoint to show beside published medians.
    """
    beside = {} if live is None else {"live": live.to_dict()}
    return Document(
        title="Claims of arXiv:2605.18898, recomputed from its published medians",
        sections=(
            Section("", (_claims(claims),), notes=tuple(map(_formula, claims))),
            *(() if live is None else (_beside(live),)),
        ),
        warnings=() if live is None else live.result.warnings,
        aside=() if live is None else live.result.findings,
        metadata=metadata(1),
        data=lambda: {"claims": [claim.to_dict() for claim in claims], **beside},
        records=lambda: DocumentTable(plain_columns(_RECORDS), list(map(_record, claims))),
    )


def _record(claim: Claim) -> dict[str, Any]:
    return {
        name: range_text(value) if isinstance(value, list) else value
        for name, value in claim.to_dict().items()
    }


def _claims(claims: Sequence[Claim]) -> DocumentTable:
    return DocumentTable(
        (
            Column(key="id", identifies=True),
            Column(key="published", form=_figure, right=True),
            Column(key="value", heading="recomputed", form=_figure, right=True),
            Column(key="verdict"),
            Column(key="claim", may_wrap=True),
        ),
        [
            {
                "id": claim.id,
                "published": Figure(claim.published, claim.unit),
                "value": Figure(claim.value, claim.unit),
                "verdict": claim.verdict,
                "claim": claim.claim,
            }
            for claim in claims
        ],
    )


def _formula(claim: Claim) -> str:
    return f"{claim.id}: {claim.formula}" + (f" ({claim.note})" if claim.note else "")


def _figure(figure: Figure) -> str:
    value, unit = figure
    if isinstance(value, tuple):
        return f"[{value[0]:.3f}, {value[1]:.3f}]"
    return f"{value:.4g}" + (f" {unit}" if unit else "")


def _beside(live: Live) -> Section:
    model = printable(live.result.model)
    if live.entry is None:
        return Section(f"{model} has no kind of matrix that is published", ())
    table = DocumentTable(
        (
            Column(key="kind", identifies=True),
            Column(key="k", form=".4f", right=True),
            Column(key="k_published", heading="published", form=".4f", right=True),
            Column(key="difference", form="+.4f", right=True),
            Column(key="lambda", form=".4f", right=True),
            Column(key="lambda_published", heading="published", form=".4f", right=True),
        ),
        [
            {
                "kind": kind.kind,
                "k": kind.k,
                "k_published": kind.k_published,
                "difference": kind.k - kind.k_published,
                "lambda": kind.lam,
                "lambda_published": kind.lambda_published,
            }
            for kind in live.kinds
        ],
    )
    return Section(f"{model} beside the published {live.entry}", (table,))
