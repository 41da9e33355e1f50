// What all plots share: their colours, their text made plain, and drawing them anew.

const drawn = new Map(); // element: function that returns what to draw in it

// Plotly takes <b> and the like in a text for markup, so names are made plain first.
function plain(text) {
  return String(text).replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;");
}

// Break a text for a hover label, which does not break lines by itself.
function broken(text, width = 70) {
  const lines = [""];
  for (const word of text.split(" ")) {
    for (let rest = word; ; rest = rest.slice(width)) {
      const line = lines[lines.length - 1];
      if (line && line.length + rest.length >= width) lines.push("");
      lines[lines.length - 1] += (lines[lines.length - 1] ? " " : "") + rest.slice(0, width);
      if (rest.length <= width) break;
    }
  }
  const shown = lines.length > 8 ? [...lines.slice(0, 8), "…"] : lines;
  return shown.map(plain).join("<br>");
}

const PAPER = 680; // width of a plot in print, in pixels: that of A4 or Letter between its margins

function axis(title, more = {}) {
  return {
    title: { text: title, standoff: 8 }, automargin: true, zeroline: false,
    gridcolor: theme.line(), linecolor: theme.line(), tickcolor: theme.line(), ...more,
  };
}

function layout(more) {
  return {
    paper_bgcolor: "rgba(0,0,0,0)", plot_bgcolor: "rgba(0,0,0,0)",
    font: { color: theme.ink(), family: "system-ui, sans-serif", size: 12 },
    margin: { l: 60, r: 20, t: 10, b: 45 },
    hoverlabel: {
      bgcolor: theme.panel(), bordercolor: theme.soft(), font: { color: theme.ink() }, align: "left",
    },
    ...(theme.printing ? { width: PAPER } : {}),
    legend: { orientation: "h", x: 0, y: 1.02, yanchor: "bottom" },
    uirevision: chosen.quantity, // redrawn for another size or colour, a picture stays as it was zoomed
    ...more,
  };
}

const config = {
  displaylogo: false, responsive: true, displayModeBar: false, showTips: false, doubleClick: "reset",
};

function redraw(element) {
  const { traces, layout: plan } = drawn.get(element)();
  // When the window's size changes, Plotly asks the element for its height and not its own layout.
  element.style.height = `${plan.height}px`;
  return Plotly.react(element, traces, layout(plan), config);
}

// Draw in an element, now and whenever the colours change.
function draw(element, content) {
  const fresh = !drawn.has(element);
  drawn.set(element, content);
  const done = redraw(element);
  return fresh ? done : undefined;
}

function undraw(element) {
  if (drawn.delete(element)) Plotly.purge(element);
}

theme.listeners.push(() => drawn.forEach((_, element) => redraw(element)));

// In a window of another size it is decided anew what has room, after Plotly has measured it: numbers in cells, and
// legends, which Plotly leaves where they were in more or fewer lines.
let resized = 0;
addEventListener("resize", () => {
  clearTimeout(resized);
  resized = setTimeout(theme.changed, 250);
});

function plotIn(parent, label) {
  const element = made("div", { class: "plot", role: "group", "aria-label": label });
  parent.append(element);
  return element;
}
