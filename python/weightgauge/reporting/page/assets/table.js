// The table of all matrices: searched, sorted, and shown a part at a time.

const table = { order: [], limit: 50, by: null, down: false };
const PART = 200;

function foundText(row) {
  return toldOf([row]).map((each) => `${each.model ? `${each.model}: ` : ""}${each.level} ${each.id}`).join(", ");
}

// How the numbers of columns are written that only some pages have.
const FORMS = {
  shape: (value) => value.toFixed(4),
  change: (value) => (value === 0 ? "0" : signed(value)),
  z: (value) => (value === 0 ? "0" : Math.abs(value) > 1000 ? (value < 0 ? "< −1,000" : "> 1,000") : signed(value, 1)),
  share: (value) => `${number(100 * value, 3)} %`,
  whole,
};

const COLUMNS = [
  { title: "matrix", value: (row) => rows.name[row], cell: (row) => made("button", { type: "button", class: "link", "data-row": row }, rows.name[row]) },
  { title: "tower", value: (row) => rows.tower[row], show: () => new Set(rows.tower.filter(Boolean)).size > 1 },
  { title: "kind", value: (row) => rows.kind[row] },
  { title: "block", value: (row) => rows.block[row], right: true },
  { title: "expert", value: (row) => rows.expert[row], right: true, show: () => rows.expert.some((each) => each !== null) },
  { title: "head", value: (row) => rows.head[row], right: true, show: () => rows.head.some((each) => each !== null) },
  { title: "fitted weights", value: (row) => of("n", row), text: (row) => whole(rows.n[row]), right: true, show: () => !page.columns },
  { title: rows.k_a ? "k of b ± s.e." : "k ± s.e.", value: (row) => rows.k[row], text: (row) => rows.why[row] || estimate(rows.k[row], rows.k_se[row]), right: true },
  { title: "lambda", value: (row) => rows.lambda[row], text: (row) => number(rows.lambda[row]), right: true, show: () => !page.columns },
  { title: "R2", value: (row) => rows.r2[row], text: (row) => rows.r2[row]?.toFixed(4) ?? "", right: true, show: () => !page.columns },
  ...(page.columns ?? []).map(([title, key, form]) => ({
    title, value: (row) => rows[key][row], text: (row) => (rows[key][row] === null ? "" : FORMS[form](rows[key][row])), right: true,
  })),
  {
    title: "found", text: foundText,
    value: (row) => (rows.found[row].length ? levels.indexOf(toldOf([row])[0].level) : null),
  },
].filter((column) => !column.show || column.show());

// A number is found as a whole: 2 is not in 12.
function occurs(word, text) {
  return /^\d+$/.test(word) ? text.split(/\D+/).includes(word) : text.includes(word);
}

table.choose = () => {
  const words = document.getElementById("search").value.toLowerCase().split(/\s+/).filter(Boolean);
  const kind = document.getElementById("kind").value;
  const some = rows.name.map((_, row) => row).filter((row) => {
    if (kind && rows.kind[row] !== kind) return false;
    if (!words.length) return true;
    const text = [rows.name[row], where(row), of("status", row), foundText(row)].join(" ").toLowerCase();
    return words.every((word) => occurs(word, text));
  });
  if (table.by !== null) {
    const { value } = COLUMNS[table.by];
    const sign = table.down ? -1 : 1;
    const blank = (each) => each === null || each === undefined || each === "";
    some.sort((a, b) => {
      const [one, other] = [value(a), value(b)];
      if (blank(one) || blank(other)) return blank(one) - blank(other) || a - b; // blanks come last
      const order = typeof one === "string" ? one.localeCompare(other, "en", { numeric: true }) : one - other;
      return sign * order || a - b;
    });
  }
  table.order = some;
};

table.fill = () => {
  const body = document.querySelector("#table tbody");
  const some = table.order.slice(0, table.limit);
  body.replaceChildren(...some.map((row) => made("tr", {}, ...COLUMNS.map((column) => {
    const text = (column.text ?? ((each) => column.value(each) ?? ""))(row);
    return made("td", { class: column.right ? "right" : null }, column.cell ? column.cell(row) : String(text));
  }))));
  const all = rows.name.length;
  const told = table.order.length === all ? `${whole(all)} in all` : `${whole(table.order.length)} of ${whole(all)} match`;
  document.getElementById("shown").textContent = some.length < table.order.length ? `${told}, ${whole(some.length)} shown` : told;
  document.getElementById("more").hidden = some.length === table.order.length;
};

table.renew = () => {
  table.choose();
  table.fill();
};

table.sortBy = (place) => {
  table.down = table.by === place && !table.down;
  table.by = place;
  document.querySelectorAll("#table th").forEach((cell, i) => {
    if (i === place) cell.setAttribute("aria-sort", table.down ? "descending" : "ascending");
    else cell.removeAttribute("aria-sort");
    cell.querySelector("span").textContent = i === place ? (table.down ? " ▼" : " ▲") : "";
  });
  table.renew();
};

table.search = (text) => {
  document.getElementById("search").value = text;
  document.getElementById("kind").value = "";
  table.renew();
  document.getElementById("matrices").scrollIntoView();
  document.getElementById("search").focus({ preventScroll: true });
};

table.make = () => {
  document.querySelector("#table thead").append(made("tr", {}, ...COLUMNS.map((column, place) => {
    const button = made("button", { type: "button" }, column.title, made("span", { "aria-hidden": "true" }));
    button.addEventListener("click", () => table.sortBy(place));
    return made("th", { scope: "col", class: column.right ? "right" : null }, button);
  })));
  const kinds = document.getElementById("kind");
  for (const kind of [...new Set(rows.kind)]) kinds.append(made("option", { value: kind }, kind));
  const renewed = () => {
    table.limit = 50;
    table.renew();
  };
  document.getElementById("search").addEventListener("input", renewed);
  kinds.addEventListener("change", renewed);
  document.getElementById("more").addEventListener("click", () => {
    table.limit += PART;
    table.fill();
  });
  document.getElementById("matrices").hidden = !rows.name.length;
  table.renew();
  if (page.sort) { // what moved most comes first
    table.by = COLUMNS.findIndex((column) => column.title === page.sort);
    table.sortBy(table.by);
  }
};
