"""The command line. `main` is the whole program; each command has a module of its own."""

from weightgauge.cli.group import main

__all__ = ["main"]
