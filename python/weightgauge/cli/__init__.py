"""The command line. `main` is the whole program; each command lives in a module of its own."""

from weightgauge.cli.group import main

__all__ = ["main"]
