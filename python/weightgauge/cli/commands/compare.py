"""`weightgauge compare`: what moved between two models."""

from __future__ import annotations

import click

from weightgauge.cli.failures import unmeasured_told
from weightgauge.cli.options import (
    PATH,
    errors_option,
    kind_option,
    output_options,
    per_option,
    reading_options,
    selection_options,
    top_option,
    zeros_option,
)
from weightgauge.cli.output import Output


@click.command("compare", short_help="Show what moved between two models.")
@click.argument("a", metavar="A", type=PATH)
@click.argument("b", metavar="B", type=PATH)
@click.option(
    "--no-elements",
    is_flag=True,
    help="Compare distributions only; the weights are not read a second time.",
)
@top_option("Show so many of the pairs that moved most.  [default: 20]")
@kind_option
@per_option
@zeros_option
@errors_option
@selection_options
@reading_options
@output_options
def command(
    a: str,
    b: str,
    output: Output,
    *,
    no_elements: bool,
    top: int | None,
    kinds: tuple[str, ...],
    per: str,
    zeros: str,
    errors: str,
    include: tuple[str, ...],
    exclude: tuple[str, ...],
    threads: int | None,
    io: str,
) -> int:
    """Compare two models: a base A with its fine-tune, merge, quantised form or next step B.

    Slices are matched by name, and where layouts differ by kind and block. For each pair: the
    change of the shape k and of ln lambda with standard errors and z, the distance between the two
    distributions, and, for tensors of the same name and shape, the share of changed elements and
    the size of the difference. What moved most comes first. A and B are as MODEL in 'weightgauge
    fit'; with .wghist files distributions are compared, elements are not.

    \b
    Examples:
      weightgauge compare org/base org/fine-tune
      weightgauge compare ./step-1000 ./step-2000 --format csv -o moved.csv
      weightgauge compare base.wghist ./quantised --json
    """  # noqa: D301
    from weightgauge.cli.kinds import comparison_of_kinds
    from weightgauge.cli.progress import scan_progress
    from weightgauge.comparison.model_comparison import compare
    from weightgauge.reporting.views.compare import MOST_MOVED_SHOWN, compare_document

    with scan_progress(quiet=output.quiet) as progress:
        found = compare(
            a,
            b,
            elements=not no_elements,
            per=per,
            zeros=zeros,
            errors=errors,
            include=include,
            exclude=exclude,
            threads=threads,
            io=io,
            progress=progress,
        )
    shown = comparison_of_kinds(found, kinds)
    document = compare_document(shown, top=output.rows(top, MOST_MOVED_SHOWN))
    output.write(document, shaping={"--top": top})
    of_a = {*(pair.tensor for pair in found.pairs), *found.only_a}
    of_b = {*(pair.tensor_b for pair in found.pairs), *found.only_b}
    return unmeasured_told(found.findings, len(of_a) + len(of_b))
