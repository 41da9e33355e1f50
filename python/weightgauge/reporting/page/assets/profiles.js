// k and ln lambda from block to block, kind by kind, with ribbons.

const MARKED = 200; // blocks whose marks can still be told apart; of more, they take most of the time of drawing
const STILL = 0.005; // a smaller range of k or ln lambda is none

function ribbon(each, style) {
  const back = [...each.blocks].reverse();
  return {
    type: "scatter", mode: "lines", fill: "toself", hoverinfo: "skip", showlegend: false,
    legendgroup: each.kind, line: { width: 0 }, fillcolor: `${style.colour}33`,
    x: [...each.blocks, ...back], y: [...each.high, ...[...each.low].reverse()],
  };
}

function profileDrawing(tower) {
  const quantity = chosen.quantity === "ln_lambda" ? "ln_lambda" : "k";
  const scale = page.scales[page.side_by_side ? `d${quantity}` : quantity];
  const some = page.profiles.filter((each) => each.tower === tower && each.quantity === quantity);
  return {
    traces: some.flatMap((each, place) => {
      const style = lineOf(place);
      const reach = each.values.map((value, i) => (each.high[i] - each.low[i]) / 2);
      return [
        ribbon(each, style),
        {
          type: "scatter", mode: each.blocks.length > MARKED ? "lines" : "lines+markers", name: each.kind, legendgroup: each.kind,
          x: each.blocks, y: each.values, customdata: reach,
          line: { color: style.colour, dash: style.dash, width: 2 },
          marker: { symbol: style.symbol, size: each.blocks.length > 60 ? 3 : 6, color: style.colour },
          hovertemplate: `${each.kind}, block %{x}<br>%{y:.4f} ± %{customdata:.4f}<extra></extra>`,
        },
      ];
    }),
    layout: {
      height: 380, xaxis: blockAxis([...new Set(some.flatMap((each) => each.blocks))]),
      yaxis: axis(scale.label, stillRange(some)),
      hovermode: "closest", ...middleLine(scale),
    },
  };
}

// Where all numbers are the same, an axis of a billionth would say that something moved.
function stillRange(some) {
  const all = some.flatMap((each) => [...each.low, ...each.high]).filter((each) => each !== null);
  const [low, high] = [Math.min(...all), Math.max(...all)];
  return high - low < STILL ? { range: [(low + high) / 2 - STILL, (low + high) / 2 + STILL] } : {};
}

function blockAxis(blocks) {
  return axis("block", { ...(blocks.length <= 40 ? { tickvals: blocks } : { tickformat: ",d" }) });
}

// A line at what a scale is centred on: Gaussian weights, or no change.
function middleLine({ middle, middle_label: label }) {
  if (middle === null) return {};
  return {
    shapes: [{
      type: "line", xref: "paper", x0: 0, x1: 1, y0: middle, y1: middle, layer: "below",
      line: { color: theme.soft(), dash: "dot", width: 1.5 },
    }],
    annotations: [{
      xref: "paper", x: 1, xanchor: "right", y: middle, yanchor: "bottom", showarrow: false,
      text: middle ? `${label} ${middle.toFixed(4)}` : label, font: { size: 11, color: theme.soft() }, bgcolor: `${theme.page()}b0`,
    }],
  };
}

function drawProfiles() {
  const place = document.getElementById("profiles");
  const towers = [...new Set(page.profiles.map((each) => each.tower))];
  if (!towers.length) return;
  place.append(made("h2", {}, page.profiles_title));
  place.append(made("p", { class: "soft" }, "Ribbons: one standard error to either side; of several matrices in one block, such as experts, from the smallest to the largest."));
  for (const tower of towers) {
    if (towers.length > 1) place.append(made("h3", {}, tower ?? ""));
    draw(plotIn(place, `Course over the blocks ${tower ?? ""}`), () => profileDrawing(tower));
  }
}
