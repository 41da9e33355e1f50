"""One browser for all tests of pages."""

from __future__ import annotations

import pytest

from browser.chromium import PROGRAM, Chromium


@pytest.fixture(scope="session")
def browser(tmp_path_factory):
    if PROGRAM is None:
        pytest.skip("Chromium is not installed: apt-get install chromium")
    browser = Chromium(tmp_path_factory.mktemp("chromium"))
    yield browser
    browser.close()
