"""`weightgauge reproduce`: the paper's claims, recomputed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from weightgauge.cli.options import PATH, output_options
from weightgauge.cli.output import Output

if TYPE_CHECKING:
    from weightgauge.reporting.views.reproduce import Live


@click.command("reproduce", short_help="Recompute the claims of the paper.")
@click.option(
    "--model",
    metavar="MODEL",
    type=PATH,
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
    from weightgauge.reporting.views.reproduce import reproduce_document

    if entry is not None and model is None:
        raise click.UsageError("--entry is for --model MODEL, which is not given")
    if entry is not None and entry not in models():
        raise click.UsageError(f"--entry {entry}: there are {', '.join(models())}")
    claims = reproduce()
    live = None if model is None else _live(model, entry, output)
    output.write(reproduce_document(claims, live))


def _live(model: str, entry: str | None, output: Output) -> Live:
    """Fit a checkpoint, and find the published model to compare it with."""
    from weightgauge.cli.progress import scan_progress
    from weightgauge.reference.beside import beside_published, entry_for
    from weightgauge.reporting.views.reproduce import Live
    from weightgauge.scanning import fit

    with scan_progress(quiet=output.quiet) as progress:
        result = fit(model, protocol="paper", progress=progress)
    entry = entry or entry_for(model, {kind.kind: kind.k_median for kind in result.kinds})
    return Live(result, entry, () if entry is None else beside_published(result.kinds, entry))
