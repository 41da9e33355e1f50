"""`python -m weightgauge`, the same as `weightgauge`."""

from weightgauge.cli.group import main

main(prog_name="weightgauge")
