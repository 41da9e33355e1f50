"""The version of the installed package, for documents that say what made them."""

from __future__ import annotations

from importlib.metadata import version

__version__ = version("weightgauge")
