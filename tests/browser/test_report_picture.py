"""The picture of a report in the documentation shows what a report looks like now.

Words are compared with those that stand beside the picture; the picture itself in squares of
twenty pixels, where the browser has the same fonts.
"""

from __future__ import annotations

import base64
import runpy
from pathlib import Path

import pytest

TOOL = Path(__file__).resolve().parents[2] / "tools" / "pictures"
PICTURES = TOOL.parents[1] / "docs" / "pictures"
FAR = 12
"""Of 255: as much as the mean colour of a square may differ with another version of the browser."""


@pytest.fixture(scope="module")
def tool():
    return runpy.run_path(str(TOOL))


def kept_words():
    """How wide letters were, and what the picture says."""
    return (PICTURES / "report.txt").read_text(encoding="utf-8").split("\n", 1)


def squares(tab, picture):
    """Mean colours of the squares of a picture, as a script of the page sees them."""
    coded = base64.b64encode(picture).decode()
    return tab.run(
        "(async () => { const image = new Image(); "
        f"image.src = 'data:image/png;base64,{coded}'; await image.decode(); "
        "const canvas = document.createElement('canvas'); "
        "canvas.width = Math.ceil(image.width / 20); canvas.height = Math.ceil(image.height / 20); "
        "const context = canvas.getContext('2d'); context.imageSmoothingQuality = 'high'; "
        "context.drawImage(image, 0, 0, image.width / 20, image.height / 20); "
        "const { data } = context.getImageData(0, 0, canvas.width, canvas.height); "
        "return [canvas.width, ...data]; })()"
    )


def differing(one, other):
    """Share of squares whose colours are far from each other."""
    assert one[0] == other[0] and len(one) == len(other)
    far = [abs(a - b) > FAR for a, b in zip(one[1:], other[1:], strict=True)]
    count = (len(one) - 1) // 4
    return sum(any(far[4 * i : 4 * i + 4]) for i in range(count)) / count


def test_the_picture_of_a_report_is_not_older_than_the_code(browser, tool, tmp_path):
    """Where it is: tools/pictures report, and a look at it."""
    kept = (PICTURES / "report.png").read_bytes()
    letters, words = kept_words()
    tab = tool["open_report"](browser, tmp_path)
    assert tab.run(tool["WORDS"]) == words
    if tab.run(tool["LETTERS"]) != letters:
        pytest.skip("the picture was made with other fonts: only what it says was compared")
    of_kept, now = squares(tab, kept), squares(tab, tab.picture())
    assert differing(of_kept, now) < 0.003
    tab.run("scrollTo(0, 60)")
    assert differing(of_kept, squares(tab, tab.picture())) > 0.05
    tab.close()


def test_another_report_would_be_told(browser, tool, tmp_path):
    tab = tool["open_report"](browser, tmp_path, "step-0")
    assert tab.run(tool["WORDS"]) != kept_words()[1]
    kept = (PICTURES / "report.png").read_bytes()
    assert differing(squares(tab, kept), squares(tab, tab.picture())) > 0.05
    tab.close()
