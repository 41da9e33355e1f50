"""Plotly's script, from its Python package, in the form in which a page carries it."""

from __future__ import annotations

import base64
import gzip
import hashlib
from functools import lru_cache
from typing import NamedTuple

from weightgauge.errors import MissingExtraError


class Bundle(NamedTuple):
    """A script that a page unpacks and runs.

    Attributes
    ----------
    packed : str
        The script, compressed by gzip, in base 64: 1.9 MB in place of 4.8 MB.
    source : str
        What a Content-Security-Policy calls it: its SHA-256.
    version : str
        Version of Plotly's Python package.
    """

    packed: str
    source: str
    version: str


@lru_cache(maxsize=1)
def plotly_bundle() -> Bundle:
    """Return Plotly's script.

    Raises
    ------
    MissingExtraError
        If plotly is not installed.
    """
    try:
        import plotly
        from plotly.offline import get_plotlyjs
    except ImportError as error:
        raise MissingExtraError("plotly", "report") from error
    script = get_plotlyjs()
    packed = base64.b64encode(gzip.compress(script.encode("utf-8"), mtime=0)).decode("ascii")
    return Bundle(packed, hash_source(script), plotly.__version__)


def hash_source(script: str) -> str:
    """Return what a Content-Security-Policy calls a script that it allows."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
