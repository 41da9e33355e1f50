// One matrix in full: its numbers, what was found of it, and its plots, in a window of its own.

const detail = { row: null, among: [], window: document.getElementById("detail") };

const PROBABILITIES = [1e-4, 0.001, 0.01, 0.1, 0.5, 0.9, 0.99, 0.9999];
const LEAST_SHOWN = 1e-4; // smaller magnitudes are much the same for all shapes; zoom out to see them
const ordinate = (p) => Math.log(-Math.log1p(-p));

function share(p) {
  return `${Number((100 * p).toPrecision(6))} %`;
}

const BEFORE = "#CC79A7"; // the first of two models, or of the steps of a run

// The smallest and the largest magnitude that a probability plot shows at first.
function shownEnds(x, y) {
  const from = y.findIndex((each) => each >= ordinate(LEAST_SHOWN));
  return [x[Math.max(0, from)], x[x.length - 1]];
}

function weibullDrawing(row) {
  const plot = rows.plots[row];
  const x = unpacked(plot.x).map(Math.exp);
  const y = unpacked(plot.y);
  const [first, last] = plot.window;
  const parts = [["lower tail", 0, first, "#E69F00"], ["fitted", first, last, "#0072B2"], ["upper tail", last, x.length, "#D55E00"]];
  const [k, lambda] = [rows.k[row], rows.lambda[row]];
  const lines = [];
  const before = of("plots_before", row);
  const ends = [shownEnds(x, y)];
  if (before) {
    const [xBefore, yBefore] = [unpacked(before.x).map(Math.exp), unpacked(before.y)];
    ends.push(shownEnds(xBefore, yBefore));
    lines.push({
      type: "scatter", mode: "markers", name: page.labels.before, x: xBefore, y: yBefore,
      marker: { color: BEFORE, size: 4, symbol: "cross" }, hovertemplate: `${page.labels.before}: %{x:.4g}<extra></extra>`,
    });
  }
  const median = lookUp(y, x, ordinate(0.5));
  if (median !== null) {
    const shown = page.curve.y.map((each, i) => i).filter((i) => page.curve.y[i] >= y[0] && page.curve.y[i] <= y[y.length - 1]);
    lines.push({
      type: "scatter", mode: "lines", name: "Gaussian", hoverinfo: "skip",
      x: shown.map((i) => median * Math.exp(page.curve.x[i])), y: shown.map((i) => page.curve.y[i]),
      line: { color: theme.soft(), dash: "dot", width: 2 },
    });
  }
  if (k !== null) {
    const ordinates = [y[0], y[y.length - 1]];
    lines.push({
      type: "scatter", mode: "lines", name: "Weibull fit", hoverinfo: "skip",
      x: ordinates.map((each) => lambda * Math.exp(each / k)), y: ordinates, line: { color: theme.ink(), width: 1.5 },
    });
  }
  const [low, high] = page.window;
  return {
    traces: [
      ...lines,
      ...parts.filter(([, begin, end]) => end > begin).map(([name, begin, end, colour]) => ({
        type: "scatter", mode: "markers", name, x: x.slice(begin, end), y: y.slice(begin, end),
        customdata: y.slice(begin, end).map((each) => Number((-100 * Math.expm1(-Math.exp(each))).toPrecision(4))),
        marker: { color: colour, size: 5 },
        hovertemplate: `%{customdata} % of |w| are below %{x:.4g}<extra>${name}</extra>`,
      })),
    ],
    layout: {
      height: 400, margin: { l: 70, r: 15, t: 10, b: 45 },
      xaxis: sizeAxis(Math.min(...ends.map(([low]) => low)), Math.max(...ends.map(([, high]) => high))),
      yaxis: axis("share of weights below", {
        tickvals: PROBABILITIES.map(ordinate), ticktext: PROBABILITIES.map(share),
        range: padded(Math.max(y[0], ordinate(LEAST_SHOWN)), y[y.length - 1]),
      }),
      shapes: [{
        type: "rect", xref: "paper", x0: 0, x1: 1, y0: low ?? y[0], y1: high ?? y[y.length - 1],
        fillcolor: "#0072B2", opacity: 0.09, line: { width: 0 }, layer: "below",
      }],
    },
  };
}

function padded(low, high) {
  const room = 0.04 * (high - low || 1);
  return [low - room, high + room];
}

// |w| in powers of ten; over less than two of them, in the digits between as well.
function sizeAxis(low, high) {
  const range = padded(Math.log10(low), Math.log10(high));
  return axis("|w|", { type: "log", range, dtick: range[1] - range[0] > 2 ? 1 : "D2", exponentformat: "power" });
}

function lookUp(from, to, wanted) {
  const at = from.findIndex((each) => each >= wanted);
  if (at < 1) return null;
  const part = (wanted - from[at - 1]) / (from[at] - from[at - 1]);
  return to[at - 1] * (to[at] / to[at - 1]) ** part;
}

const BELOW = 0.01; // an empty bin, below what the axis shows

function sizesDrawing(row) {
  const plot = rows.plots[row];
  const [low, high] = plot.ends.map(Math.log);
  const counts = unpacked(plot.counts);
  const edge = (i) => Math.exp(low + ((high - low) * i) / counts.length);
  const middles = counts.map((_, i) => edge(i + 0.5));
  const steps = counts.flatMap((each, i) => [[edge(i), each], [edge(i + 1), each]]);
  const power = (packed) => unpacked(packed).map((each) => (each === null ? null : 10 ** each));
  const line = (name, y, colour, dash) => ({
    type: "scatter", mode: "lines", name, x: middles, y, line: { color: colour, dash, width: 2 },
    connectgaps: false, hovertemplate: `%{y:.3g} expected near %{x:.3g}<extra>${name}</extra>`,
  });
  return {
    traces: [
      {
        type: "scatter", mode: "lines", name: page.labels.these,
        x: steps.map(([x]) => x), y: steps.map(([, each]) => (each === null ? BELOW : 10 ** each)),
        customdata: steps.map(([, each]) => (each === null ? 0 : Math.round(10 ** each))),
        line: { color: "#0072B2", width: 0 }, fill: "tozeroy", fillcolor: "#0072B255",
        hovertemplate: "%{customdata:,d} weights near %{x:.3g}<extra></extra>",
      },
      line("Gaussian", power(plot.gaussian), theme.soft(), "dot"),
      line("Weibull fit", power(plot.weibull), theme.ink(), "solid"),
      ...countsBefore(row),
    ],
    layout: {
      height: 400, margin: { l: 70, r: 15, t: 10, b: 45 },
      xaxis: sizeAxis(...plot.ends),
      yaxis: axis("weights per bin", { type: "log", dtick: 1, exponentformat: "power", range: [Math.log10(0.5), (plot.counts[1] ?? 1) + 0.3] }),
    },
  };
}

// The counts before, brought to bins as wide as those of this one.
function countsBefore(row) {
  const before = of("plots_before", row);
  if (!before?.ends) return [];
  const [low, high] = before.ends.map(Math.log);
  const [first, last] = rows.plots[row].ends.map(Math.log);
  const counts = unpacked(before.counts);
  const wider = (last - first) / (high - low);
  return [{
    type: "scatter", mode: "lines", name: page.labels.before, connectgaps: false, hoverinfo: "skip",
    x: counts.map((_, i) => Math.exp(low + ((high - low) * (i + 0.5)) / counts.length)),
    y: counts.map((each) => (each === null ? null : wider * 10 ** each)),
    line: { color: BEFORE, width: 1.5, dash: "dash" },
  }];
}

function amongDrawing(some) {
  const what = rows.head[some[0]] !== null ? "head" : "expert";
  const label = (row) => rows.head[row] ?? rows.expert[row] ?? rows.name[row];
  return {
    traces: [{
      type: "scatter", mode: "markers", x: some.map(label), y: some.map((row) => rows.k[row]), customdata: some,
      text: some.map((row) => plain(rows.name[row])),
      error_y: { type: "data", array: some.map((row) => rows.k_se[row]), color: theme.soft() },
      marker: { color: some.map((row) => (row === detail.row ? "#D55E00" : "#0072B2")), size: 8 },
      hovertemplate: "%{text}<br>k %{y:.4f}<extra></extra>",
    }],
    layout: { height: 260, xaxis: axis(what), yaxis: axis("k"), hovermode: "closest", ...middleLine(page.scales.k) },
  };
}

// What is told of a row in numbers: of one model in one paragraph; of two, or of the first and last step, one for each.
function factsOf(row) {
  const second = secondOf();
  const k = rows.k[row];
  const status = of("status", row);
  return [
    [rows.k_a ? page.labels.before : "", [["k", number(of("k_a", row), 5)], ["lambda", number(of("lambda_a", row))]]],
    [second, [
      ["name", of("name_b", row)], ["k", k === null ? `none: ${rows.why[row]}` : estimate(k, rows.k_se[row])],
      ["from Gaussian", k === null ? "" : signed(k - page.gaussian)],
      ["lambda", number(rows.lambda[row])], ["R2", of("r2", row)?.toFixed(4)], ["KS", number(of("ks", row), 3)],
      ["RMS", number(of("rms", row))], ["largest |w|", number(of("max", row))],
      ["fitted weights", of("n", row) === null ? "" : whole(of("n", row))], ["zeros", whole(of("zeros", row))], ["NaN or infinite", whole(of("nonfinite", row))],
      ["shape", of("shape", row)], ["format", of("dtype", row)], ["error from", of("errors", row)],
      ["values are", of("decoded", row)], ["status", status === "ok" ? "" : status], ["because", of("reason", row)],
    ]],
    [second && second !== page.labels.before && `from ${page.labels.before} to ${second}`, [...changesOf(row), ["onset", whole(of("onset", row))], ["note", of("note", row)]]],
  ].map(([title, shown]) => [title, shown.filter(([, value]) => value)]).filter(([, shown]) => shown.length);
}

// Of which of two models, or of which step, the numbers are that name none.
function secondOf() {
  return page.labels.before ? page.labels.these : "";
}

function facts(row) {
  return made("div", {}, ...factsOf(row).map(([title, shown]) =>
    made("div", { class: "facts" }, title ? made("b", {}, title) : null, ...shown.map(([name, value]) =>
      made("div", {}, made("span", {}, `${name} `), value)))));
}

// How much of the spread of ln |w| is between rows, between columns, and inside both: a bar in three parts.
function spreadOf(row) {
  const parts = of("spread", row);
  if (!parts) return null;
  const all = parts.reduce((a, b) => a + b, 0);
  const named = ["rows", "columns", "neither"].map((name, i) => [name, (100 * parts[i]) / all]);
  const bar = made("div", { class: "bar-of-parts", "aria-hidden": "true" });
  const second = secondOf();
  const told = made("div", { class: "facts" }, made("span", {}, `spread of ln |w|${second && ` of ${second}`} between`));
  for (const [name, percent] of named) {
    const part = made("div", { class: `part ${name}` });
    part.style.flexGrow = percent;
    bar.append(part);
    told.append(made("div", {}, made("i", { class: `key ${name}` }), ` ${name} ${percent.toFixed(1)} %`));
  }
  return made("div", { class: "spread" }, bar, told);
}

function findingsOf(row) {
  const list = made("ul", { class: "findings" });
  for (const each of toldOf([row])) {
    const hint = each.hint && each.level !== "note" ? made("div", { class: "hint" }, each.hint) : null;
    list.append(made("li", { class: each.level }, made("span", { class: "tag" }, each.level), ` ${sentence(each)} `, made("code", {}, each.id), hint));
  }
  return list;
}

detail.show = (row) => {
  detail.row = row;
  document.getElementById("detail-title").textContent = rows.name[row];
  const body = document.getElementById("detail-body");
  body.querySelectorAll(".plot").forEach(undraw);
  body.replaceChildren(made("p", { class: "soft" }, where(row)), findingsOf(row), facts(row));
  const spread = spreadOf(row);
  if (spread) body.append(spread);
  if (rows.courses?.[row] && typeof Plotly !== "undefined") {
    const course = [{ ...rows.courses[row], kind: rows.kind[row] }];
    const quantities = ["k", "ln_lambda"];
    const two = made("div", { class: "two" });
    body.append(two);
    const places = quantities.map((quantity) => plotIn(two, `Course of ${quantity} over the steps`));
    quantities.forEach((quantity, i) => draw(places[i], () => courseDrawing(course, quantity, page.courses.steps)));
  }
  if (rows.plots?.[row] && typeof Plotly !== "undefined") {
    const two = made("div", { class: "two" });
    body.append(two);
    const places = ["Weibull probability plot", "How many weights are of each size"].map((title) => {
      const part = made("div", {}, made("h3", {}, page.courses ? `${title}, ${page.labels.these}` : title));
      two.append(part);
      return plotIn(part, title);
    });
    draw(places[0], () => weibullDrawing(row));
    if (rows.plots[row].ends) draw(places[1], () => sizesDrawing(row));
  }
  const fitted = detail.among.filter((each) => rows.k[each] !== null);
  if (fitted.length > 1 && typeof Plotly !== "undefined") {
    const title = `k of all ${fitted.length} of this kind in this block`;
    body.append(made("h3", {}, title));
    const element = plotIn(body, title);
    draw(element, () => amongDrawing(fitted));
    element.on("plotly_click", (event) => detail.show(event.points[0].customdata));
  }
  const order = detail.order();
  const at = order.indexOf(row);
  document.getElementById("before").disabled = at <= 0;
  document.getElementById("after").disabled = at < 0 || at === order.length - 1;
};

detail.order = () => (detail.among.length > 1 ? detail.among : table.order);

// Open the window for a row; `among` are rows of the same kind in the same block, such as experts.
detail.open = (row, among = []) => {
  detail.among = among;
  detail.opener = document.activeElement;
  if (!detail.window.open) detail.window.showModal();
  detail.show(row);
};

detail.step = (by) => {
  const order = detail.order();
  const next = order[order.indexOf(detail.row) + by];
  if (next !== undefined) detail.show(next);
};

document.getElementById("before").addEventListener("click", () => detail.step(-1));
document.getElementById("after").addEventListener("click", () => detail.step(1));
document.getElementById("close").addEventListener("click", () => detail.window.close());
detail.window.addEventListener("click", (event) => {
  if (event.target === detail.window) detail.window.close();
});
detail.window.addEventListener("close", () => {
  document.getElementById("detail-body").querySelectorAll(".plot").forEach(undraw);
});
