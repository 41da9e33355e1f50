// Courses over the steps of a run.

function courseDrawing(some, quantity, steps) {
  return {
    traces: some.flatMap((each, place) => {
      const style = lineOf(place);
      const values = each[quantity];
      const errors = each[`${quantity}_error`];
      const known = values.map((value, i) => i).filter((i) => values[i] !== null);
      const at = {
        kind: each.kind, blocks: known.map((i) => steps[i]),
        high: known.map((i) => values[i] + (errors[i] ?? 0)), low: known.map((i) => values[i] - (errors[i] ?? 0)),
      };
      return [
        ribbon(at, style),
        {
          type: "scatter", mode: "lines+markers", name: each.kind, legendgroup: each.kind, showlegend: some.length > 1,
          x: steps, y: values, customdata: errors, connectgaps: false,
          line: { color: style.colour, dash: style.dash, width: 2 },
          marker: { symbol: style.symbol, size: 6, color: style.colour },
          hovertemplate: `${each.kind}, step %{x:,d}<br>%{y:.4f} ± %{customdata:.4f}<extra></extra>`,
        },
      ];
    }),
    layout: {
      height: 380, xaxis: stepAxis(steps), yaxis: axis(page.scales[quantity].label),
      hovermode: "closest", ...middleLine(page.scales[quantity]),
    },
  };
}

// Steps are named themselves where they are few and have room; a single one has nothing beside it.
function stepAxis(steps) {
  const apart = Math.min(...steps.slice(1).map((each, i) => each - steps[i])) / (steps.at(-1) - steps[0]);
  return axis("step", { tickformat: ",d", ...(steps.length === 1 || apart > 0.08 ? { tickvals: steps } : {}) });
}

function drawCourses() {
  const place = document.getElementById("courses");
  if (!page.courses) return;
  const { steps, kinds } = page.courses;
  const towers = [...new Set(kinds.map((each) => each.tower))];
  place.append(made("h2", {}, "Over the steps of the run"));
  place.append(made("p", { class: "soft" }, "Medians over the matrices of a kind; ribbons: one standard error to either side."));
  place.append(document.getElementById("choice"));
  for (const tower of towers) {
    if (towers.length > 1) place.append(made("h3", {}, tower ?? ""));
    const some = kinds.filter((each) => each.tower === tower);
    const quantity = () => (chosen.quantity === "ln_lambda" ? "ln_lambda" : "k");
    draw(plotIn(place, `Course over the steps ${tower ?? ""}`), () => courseDrawing(some, quantity(), steps));
  }
}
