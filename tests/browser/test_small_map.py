"""The small map of notebooks and pages in a browser: names of columns can be told apart."""

from __future__ import annotations

import itertools

import pytest

from browser.chromium import Tab
from weightgauge.reporting.heatmap import SHADES, Heatmap
from weightgauge.reporting.writers.html_heatmap import heatmap_html

SHOWN = {"width": 800, "height": 600, "deviceScaleFactor": 1, "mobile": False}
PLACES = """[...document.querySelectorAll("thead th")].slice(1).map((head) => {
  const words = document.createRange();
  words.selectNodeContents(head);
  const { left, right } = words.getBoundingClientRect();
  return [head.textContent, left, right, head.getBoundingClientRect().right, head.colSpan];
})"""
"""A script that returns, for each name, where its words begin and end, and where its place ends."""


@pytest.mark.parametrize(
    ("columns", "named"),
    [
        (["0", "700", "1500"], 3),
        ([str(100_000 * i) for i in range(12)], 12),
        ([str(i) for i in range(60)], 30),
        ([f"{100 * i}-{100 * i + 99}" for i in range(100)], 20),
    ],
    ids=["steps", "large steps", "blocks", "many blocks"],
)
def test_names_of_columns_do_not_run_into_each_other(columns, named, browser, tmp_path):
    made = Heatmap(
        rows=["q", "ffn_in"],
        columns=columns,
        values=[[0.0] * len(columns)] * 2,
        centre=0.0,
        limits=(1.0,) * SHADES,
        ends=("less", "more"),
        across="block",
    )
    path = tmp_path / "map.html"
    ready = "<script>document.documentElement.dataset.ready = 'yes'</script>"
    path.write_text("\n".join(heatmap_html(made)) + ready, encoding="utf-8")
    tab = Tab(browser, path)
    tab.call("Emulation.setDeviceMetricsOverride", **SHOWN)
    places = tab.run(PLACES)
    cells = tab.run("document.querySelectorAll('tbody tr:first-child td').length")
    tab.close()
    assert len(places) == named and cells == len(columns)
    assert [name for name, *_ in places] == columns[:: places[0][4]]
    for (_, _, end, place, _), (_, start, *_) in itertools.pairwise(places):
        assert end + 2 <= start and end <= place
