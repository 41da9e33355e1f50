"""Check of the documentation's site."""

from __future__ import annotations

import sys

from checking.running import ROOT, run


def site() -> None:
    """The documentation's site builds without warnings; it is left in build/site."""
    # Help texts and the list of what is public are those of the installed package. The theme
    # announces its successor at every build. Of mkdocs, --quiet would make it count no warnings.
    settings = {"NO_MKDOCS_2_WARNING": "1"}
    config = ROOT / "tools" / "site" / "mkdocs.yml"
    command = [sys.executable, "-m", "mkdocs", "build", "--config-file", str(config)]
    run(command, settings, quiet=True)
