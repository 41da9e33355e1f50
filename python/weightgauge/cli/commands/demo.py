"""`weightgauge demo`: what training does to k, on the bundled model."""

from __future__ import annotations

from typing import TYPE_CHECKING

import click

from weightgauge.cli.options import output_options

if TYPE_CHECKING:
    from weightgauge.cli.output import Output


@click.command("demo", short_help="See k leave 1.2054 in the bundled model.")
@output_options
def command(output: Output) -> None:
    """Fit a small language model before its first and after its last step of training.

    The checkpoints come with the package; nothing is fetched.

    \b
    Examples:
      weightgauge demo
      weightgauge demo --json
    """  # noqa: D301
    from weightgauge import demo
    from weightgauge.reporting.views.demo import demo_document
    from weightgauge.scanning import fit

    paths = demo.paths()
    fits = {step: fit(path) for step, path in paths.items()}
    output.write(demo_document(fits, paths))
