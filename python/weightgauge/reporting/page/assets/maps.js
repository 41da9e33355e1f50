// Heatmaps, block by kind, a tower each.

const chosen = { quantity: "k" };
const WRITTEN = 16; // with no more blocks than these, the numbers are written into the cells that have room
const NARROW = 560; // pixels of a picture that has no room for words beside its scale; the note above has them
const LEAST = { cell: 3, mark: 7 }; // pixels: in narrower cells marks stand for those beside them as well, and are as wide as this
const BESIDE = { names: 70, scale: 200, narrow: 80 }; // pixels beside a heatmap

function cellText(map, i, j) {
  const some = map.rows[i][j];
  if (!some) return "";
  const head = `<b>${plain([map.tower, map.kinds[i]].filter(Boolean).join(" "))}, block ${map.blocks[j]}</b>`;
  const lines = [head];
  const hidden = isWithheld(map, i, j);
  if (hidden) lines.push("on a grid or pruned: k says nothing of the training");
  const fitted = some.filter((row) => rows.k[row] !== null);
  if (some.length === 1) lines.push(...numbersOf(some[0]));
  else if (!hidden) lines.push(`median k of ${fitted.length}: ${number(map.k[i][j])}`);
  const told = toldOf(some, map.model);
  for (const each of told.slice(0, 3)) lines.push(broken(`${each.level}: ${sentence(each)}`));
  if (told.length > 3) lines.push(`and ${told.length - 3} more findings`);
  return lines.join("<br>");
}

function isWithheld(map, i, j) {
  map.hidden ??= new Set(map.withheld.map(String));
  return map.hidden.has(`${i},${j}`);
}

function numbersOf(row) {
  if (rows.k[row] === null) return [broken(`no fit: ${of("reason", row) || rows.why[row]}`)];
  return [
    ...(of("k_a", row) === null ? [] : [`k of a ${number(of("k_a", row), 5)}`]),
    `k${rows.k_a ? " of b" : ""} ${estimate(rows.k[row], rows.k_se[row])} (Gaussian ${number(page.gaussian, 5)})`,
    `lambda ${number(rows.lambda[row])}`,
    `R2 ${rows.r2[row]?.toFixed(4)}${rows.n ? `, n ${whole(rows.n[row])}` : ""}`,
    ...changesOf(row).map((each) => each.join(" ")),
  ];
}

// Colours are centred on Gaussian weights, or run over what there is.
function coloursOf(map, quantity, narrow = false) {
  const scale = page.scales[map.scales[quantity] ?? quantity];
  const ticks = { outlinewidth: 0, thickness: 14, title: { text: narrow ? "" : scale.label, side: "right" } };
  if (scale.middle === null) {
    return { colorscale: theme.sequential(), zmin: scale.low, zmax: scale.high, colorbar: ticks };
  }
  const { middle, reach } = scale;
  const at = [-1, -0.5, 0, 0.5, 1].map((part) => middle + part * reach);
  ticks.tickvals = at;
  ticks.ticktext = at.map((value, i) => (i === 2 && !narrow ? `${value.toFixed(3)} ${scale.middle_label}` : value.toFixed(3)));
  return { colorscale: theme.diverging(), zmin: middle - reach, zmax: middle + reach, colorbar: ticks };
}

function marksOf(map, across) {
  const signs = { fault: ["x", "faults"], warning: ["triangle-up", "warnings"], none: ["line-ew-open", "no fit"], hidden: ["hash-open", "k withheld"] };
  const found = { fault: [], warning: [], none: [], hidden: [] };
  const open = (level) => level === "none" || level === "hidden";
  const cell = across / map.blocks.length;
  const most = cell < LEAST.cell ? LEAST.mark : Math.max(4, Math.min(13, cell)); // no wider than a cell, where many stand together
  map.rows.forEach((line, i) => line.forEach((some, j) => {
    if (!some) return;
    const level = toldOf(some, map.model)[0]?.level;
    if (level === "fault" || level === "warning") found[level].push([j, map.kinds[i]]);
    else if (isWithheld(map, i, j)) {
      if (chosen.quantity === "k") found.hidden.push([j, map.kinds[i]]);
    } else if (map.k[i][j] === null) found.none.push([j, map.kinds[i]]);
  }));
  if (cell < LEAST.cell) for (const level in found) found[level] = apart(found[level], LEAST.mark / cell);
  return Object.entries(found).filter(([, places]) => places.length).map(([level, places]) => ({
    type: "scatter", mode: "markers", name: signs[level][1], hoverinfo: "skip",
    x: places.map(([place]) => place), y: places.map(([, kind]) => kind), xaxis: "x", yaxis: "y",
    marker: {
      symbol: signs[level][0], size: places.length > 30 ? most : 13, color: theme.ink(),
      line: { width: open(level) ? 2 : 1.5, color: open(level) ? theme.ink() : theme.page() },
    },
    showlegend: true, cliponaxis: false,
  }));
}

// The places that are left if none is nearer to the one before it in its line than so many cells.
function apart(places, least) {
  const last = new Map();
  return places.filter(([place, kind]) => {
    if (place - (last.get(kind) ?? -Infinity) < least) return false;
    last.set(kind, place);
    return true;
  });
}

// One trace of cells; those for which there is no number in z have no colour.
function cells(map, z, more) {
  map.text ??= map.rows.map((line, i) => line.map((_, j) => cellText(map, i, j)));
  const gap = map.blocks.length > 200 ? 0 : 1; // between narrower cells there would be nothing but gaps
  return {
    type: "heatmap", x: map.blocks.map((_, j) => j), y: map.kinds, z, xgap: gap, ygap: 1, text: map.text,
    hovertemplate: "%{text}<extra></extra>", hoverongaps: false, ...more,
  };
}

function mapDrawing(map, element) {
  const { quantity } = chosen;
  const digits = quantity === "k_error" ? 4 : 3;
  const width = theme.printing ? PAPER : element.clientWidth;
  const narrow = width < NARROW;
  const across = width - BESIDE.names - (narrow ? BESIDE.narrow : BESIDE.scale);
  const longest = Math.max(...map[quantity].flat().map((value) => (value === null ? 0 : value.toFixed(digits).length)));
  const written = map.blocks.length <= WRITTEN && across / map.blocks.length > 6.5 * longest + 4;
  const without = map[quantity].map((line, i) => line.map((value, j) => (map.rows[i][j] && value === null ? 0 : null)));
  return {
    traces: [
      cells(map, map[quantity], coloursOf(map, quantity, narrow)),
      // Cells without a number can be pointed at and clicked too.
      ...(without.flat().includes(0) ? [cells(map, without, { showscale: false, opacity: 0 })] : []),
      ...marksOf(map, across),
    ],
    layout: {
      height: 120 + 30 * map.kinds.length,
      xaxis: placeAxis(map.blocks, across),
      yaxis: axis("", {
        range: [map.kinds.length - 0.5, -0.5], type: "category", categoryarray: map.kinds, showgrid: false, ticks: "",
      }),
      hovermode: "closest", dragmode: "zoom",
      annotations: written ? numbersIn(map, quantity, digits) : [],
    },
  };
}

// Cells stand side by side even where numbers of blocks are missing; only so many are named as have room.
function placeAxis(blocks, across) {
  const longest = whole(blocks.at(-1)).length;
  const most = Math.max(1, across / (8 * longest + 8));
  const step = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000].find((each) => blocks.length / each <= most) ?? 10000;
  const named = blocks.map((_, j) => j).filter((j) => j % step === 0);
  return axis("block", {
    showgrid: false, range: [-0.5, blocks.length - 0.5], tickvals: named, ticktext: named.map((j) => whole(blocks[j])),
  });
}

// The numbers themselves, in black or white, whichever the colour below leaves legible.
function numbersIn(map, quantity, digits) {
  const colours = coloursOf(map, quantity);
  return map.kinds.flatMap((kind, i) => map.blocks.flatMap((_, j) => {
    const value = map[quantity][i][j];
    const some = map.rows[i][j];
    if (!some || (value !== null && ["fault", "warning"].includes(toldOf(some, map.model)[0]?.level))) return [];
    if (value === null) return [];
    const share = Math.min(1, Math.max(0, (value - colours.zmin) / (colours.zmax - colours.zmin || 1)));
    return [{
      x: j, y: kind, text: value.toFixed(digits), showarrow: false,
      font: { size: 11, color: legible(colours.colorscale, share) },
    }];
  }));
}

function legible(scale, share) {
  const at = Math.max(1, scale.findIndex(([end]) => share <= end));
  const [[low, from], [high, to]] = [scale[at - 1], scale[at]];
  const part = (share - low) / (high - low);
  const light = [1, 3, 5].map((i) => {
    const [a, b] = [from, to].map((colour) => parseInt(colour.slice(i, i + 2), 16) / 255);
    return (a + (b - a) * part) ** 2.2;
  });
  const brightness = 0.2126 * light[0] + 0.7152 * light[1] + 0.0722 * light[2];
  return brightness > 0.18 ? "#111111" : "#ffffff";
}

function openCell(map, event) {
  const point = event.points[0];
  const i = map.kinds.indexOf(point.y);
  const some = map.rows[i]?.[Math.round(Number(point.x))];
  if (some) detail.open(some[0], some);
}

// Make room for a heatmap: those of two models stand side by side, what changed below them.
function placeOfMap(parent, map) {
  map.model = page.side_by_side && ["a", "b"].includes(map.of) ? map.of : null;
  const title = [map.tower, map.of].filter(Boolean).join(", ");
  if (map.model !== "b") parent.append(made("div", { class: map.model ? "two" : null }));
  const part = made("div", {}, title ? made("h3", {}, title) : null);
  parent.lastElementChild.append(part);
  return plotIn(part, `Heatmap ${title}: ${map.kinds.length} kinds in ${map.blocks.length} blocks; the table of all matrices has the same numbers`);
}

function drawMaps() {
  const place = document.getElementById("maps");
  document.getElementById("maps-note").textContent = page.maps_note;
  if (!page.maps.length) {
    document.getElementById("choice").hidden = true;
    return;
  }
  const places = page.maps.map((map) => placeOfMap(place, map));
  page.maps.forEach((map, i) => {
    const element = places[i];
    draw(element, () => mapDrawing(map, element));
    element.on("plotly_click", (event) => openCell(map, event));
  });
}
