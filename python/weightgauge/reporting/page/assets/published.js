// Median k by kind, before the faint lines of published models.

function publishedDrawing() {
  const { kinds, mine, models } = page.published;
  const faint = models.map((each) => ({
    type: "scatter", mode: "lines", name: each.id, x: kinds, y: each.k, connectgaps: false,
    showlegend: each.near, line: {
      color: each.near ? "#D55E00" : theme.soft(), width: each.near ? 2 : 1, dash: each.near ? "dash" : "solid",
    },
    opacity: each.near ? 1 : 0.35,
    hovertemplate: `${plain(each.id)}<br>%{x} %{y:.3f}<extra></extra>`,
  }));
  const own = mine.map((each, place) => ({
    type: "scatter", mode: "lines+markers", name: each.label, x: kinds, y: each.k,
    line: { color: place ? "#CC79A7" : "#0072B2", width: 3 },
    marker: { size: 8, symbol: place ? "square" : "circle" },
    error_y: { type: "data", array: each.error, color: place ? "#CC79A7" : "#0072B2" },
    hovertemplate: `${plain(each.label)}<br>%{x} %{y:.3f}<extra></extra>`,
  }));
  return {
    traces: [...faint, ...own],
    layout: {
      height: 360, xaxis: axis("", { type: "category" }), yaxis: axis("median k"), hovermode: "closest",
      ...middleLine(page.scales.k),
    },
  };
}

function drawPublished() {
  if (!page.published) return;
  const place = document.getElementById("published");
  place.append(made("h2", {}, "Beside published models"));
  place.append(made("p", { class: "soft" }, page.published.note));
  draw(plotIn(place, "Median k by kind, beside published models"), publishedDrawing);
}
