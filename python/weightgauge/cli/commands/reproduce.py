"""`weightgauge reproduce`: the paper's claims, recomputed."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import click

from weightgauge.cli.options import output_options
from weightgauge.cli.output import Output

if TYPE_CHECKING:
    from weightgauge.fits.model_fit import ModelFit
    from weightgauge.reference.beside import KindBeside
    from weightgauge.reference.claims import Claim
    from weightgauge.reporting.page import Page

_COLUMNS = ("id", "claim", "formula", "value", "published", "unit", "verdict", "note")


@click.command("reproduce", short_help="Recompute the claims of the paper.")
@click.option(
    "--model",
    metavar="MODEL",
    help="Also fit this public checkpoint, and show its medians beside published ones.",
)
@click.option(
    "--entry",
    metavar="ID",
    help="Published model to compare with. Default: by the name of MODEL, else the nearest.",
)
@output_options
def command(output: Output, *, model: str | None, entry: str | None) -> None:
    """Recompute what the paper claims from the medians that it publishes.

    The claims are those of arXiv:2605.18898; the medians of its 12 models and 11 Qwen models come
    with weightgauge. For each claim: the figure that follows from the medians, the published one,
    and whether the claim holds. Those that fail are shown like all others. With --model, a
    checkpoint is fitted by the paper's protocol, and its medians stand beside published ones.

    \b
    Examples:
      weightgauge reproduce
      weightgauge reproduce --json
      weightgauge reproduce --model EleutherAI/pythia-70m
    """  # noqa: D301
    from weightgauge.reference import models
    from weightgauge.reference.claims import reproduce

    if entry is not None and model is None:
        raise click.UsageError("--entry is for --model MODEL, which is not given")
    if entry is not None and entry not in models():
        raise click.UsageError(f"--entry {entry}: there are {', '.join(models())}")
    output.check(*([model] if model is not None else []))
    claims = reproduce()
    live = None if model is None else _Live(model, entry, output)
    output.write(_text(claims, live, output))
    if live is not None:
        output.warn(*live.result.warnings)


class _Live:
    """A checkpoint fitted now, and the published model that it is compared with."""

    def __init__(self, model: str, entry: str | None, output: Output) -> None:
        from weightgauge.cli.progress import scan_progress
        from weightgauge.reference.beside import beside_published, entry_for
        from weightgauge.scanning import fit

        with scan_progress(quiet=output.quiet) as progress:
            self.result: ModelFit = fit(model, protocol="paper", progress=progress)
        shapes = {kind.kind: kind.k_median for kind in self.result.kinds}
        self.entry = entry or entry_for(model, shapes)
        self.kinds: tuple[KindBeside, ...] = (
            () if self.entry is None else beside_published(self.result.kinds, self.entry)
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain values for JSON."""
        return {
            "model": self.result.model,
            "entry": self.entry,
            "kinds": [kind.to_dict() for kind in self.kinds],
        }


def _text(claims: tuple[Claim, ...], live: _Live | None, output: Output) -> str:
    rows = [claim.to_dict() for claim in claims]
    if output.format == "json":
        from weightgauge.reporting.data import json_text

        beside = {} if live is None else {"live": live.to_dict()}
        return json_text({"schema_version": 1, "claims": rows, **beside})
    if output.format == "csv":
        from weightgauge.reporting.data import csv_text

        return csv_text(_COLUMNS, [_flat(row) for row in rows])
    page = output.page()
    _claims(page, claims, notes=not output.quiet)
    if live is not None:
        _beside(page, live)
    return page.text()


def _flat(row: dict[str, Any]) -> dict[str, Any]:
    """Write a range as text: 0.76..0.99."""
    return {
        name: "..".join(map(str, value)) if isinstance(value, list) else value
        for name, value in row.items()
    }


def _claims(page: Page, claims: tuple[Claim, ...], *, notes: bool) -> None:
    from weightgauge.reporting.page import Column

    page.heading("Claims of arXiv:2605.18898, recomputed from its published medians")
    page.table(
        [
            Column("id"),
            Column("published", right=True),
            Column("recomputed", right=True),
            Column("verdict"),
            Column("claim"),
        ],
        [
            [
                claim.id,
                _figure(claim.published, claim.unit),
                _figure(claim.value, claim.unit),
                claim.verdict,
                claim.claim,
            ]
            for claim in claims
        ],
    )
    if notes:
        page.line("")
        for claim in claims:
            note = f" ({claim.note})" if claim.note else ""
            page.prose(f"{claim.id}: {claim.formula}{note}")


def _beside(page: Page, live: _Live) -> None:
    from weightgauge.errors import printable
    from weightgauge.reporting.page import Column

    if live.entry is None:
        page.heading(f"{printable(live.result.model)} has no kind of matrix that is published")
        return
    page.heading(f"{printable(live.result.model)} beside the published {live.entry}")
    page.table(
        [
            Column("kind"),
            *(
                Column(title, right=True)
                for title in ("k", "published", "difference", "lambda", "published")
            ),
        ],
        [
            [
                kind.kind,
                *map(_number, (kind.k, kind.k_published)),
                "" if kind.k != kind.k else f"{kind.k - kind.k_published:+.4f}",
                *map(_number, (kind.lam, kind.lam_published)),
            ]
            for kind in live.kinds
        ],
    )


def _number(value: float) -> str:
    return "" if value != value else f"{value:.4f}"


def _figure(value: float | tuple[float, float], unit: str) -> str:
    if isinstance(value, tuple):
        return f"[{value[0]:.3f}, {value[1]:.3f}]"
    return f"{value:.4g}" + (f" {unit}" if unit else "")
