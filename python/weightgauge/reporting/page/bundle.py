"""Plotly's script, from its Python package, in the form in which a page carries it."""

from __future__ import annotations

import base64
import gzip
import hashlib
import re
from functools import lru_cache
from typing import NamedTuple

from weightgauge.errors import MissingExtraError

_DRAWN = "heatmap"
"""What a page draws besides lines and points, which are always there."""

_KINDS_OF_CHARTS = re.compile(r"\.register\(\[((?:[\w$]+\(\),?)+)\]\)")


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
    script = without_what_is_not_drawn(get_plotlyjs())
    packed = base64.b64encode(gzip.compress(script.encode("utf-8"), mtime=0)).decode("ascii")
    return Bundle(packed, hash_source(script), plotly.__version__)


def without_what_is_not_drawn(script: str) -> str:
    """Let Plotly's script set up no kinds of charts but those that pages have.

    That takes a browser half of the time until pictures are there. The script ends with a list of
    functions, one for each kind of chart, that make the kind when they are called; those that are
    not called stay text.

    Parameters
    ----------
    script : str
        Plotly's script.

    Returns
    -------
    str
        The script with a shorter list; the script as it is where it has no such list.
    """
    chart = script.find(f'name:"{_DRAWN}"')
    module = _defined_before(script, chart)
    makes = _defined_before(script, script.find(f".exports={module}()}})")) if module else ""
    found = _KINDS_OF_CHARTS.match(script, max(0, script.rfind(".register([")))
    if not makes or found is None or f"{makes}()" not in found[1].split(","):
        return script
    return f"{script[: found.start(1)]}{makes}(){script[found.end(1) :]}"


def _defined_before(script: str, place: int) -> str:
    """Return the name of the last variable that is defined before a place, or ""."""
    start = script.rfind("});var ", 0, max(0, place))
    named = re.compile(r"\}\);var ([\w$]+)=").match(script, start) if start >= 0 else None
    return named[1] if named else ""


def hash_source(script: str) -> str:
    """Return what a Content-Security-Policy calls a script that it allows."""
    digest = hashlib.sha256(script.encode("utf-8")).digest()
    return f"'sha256-{base64.b64encode(digest).decode('ascii')}'"
