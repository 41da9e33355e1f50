"""Check of the documentation's site."""

from __future__ import annotations

import sys

from checking.running import ROOT, run


def site() -> None:
    """The documentation's site builds without warnings; it is left in build/site."""
    # The theme announces its successor at every build.
    settings = {"NO_MKDOCS_2_WARNING": "1", "PYTHONPATH": str(ROOT / "python")}
    config = ROOT / "tools" / "site" / "mkdocs.yml"
    run([sys.executable, "-m", "mkdocs", "build", "--quiet", "--config-file", config], settings)
