"use strict";
// What the page was made with, and how its numbers are read and written.

const page = JSON.parse(document.getElementById("data").textContent);
const rows = page.rows;

// Numbers that were packed as 16-bit codes between the least and the largest; null where missing.
function unpacked([low, high, text]) {
  const bytes = Uint8Array.from(atob(text), (each) => each.charCodeAt(0));
  const codes = new DataView(bytes.buffer);
  return Array.from({ length: bytes.length / 2 }, (_, i) => {
    const code = codes.getUint16(2 * i, true);
    return code === 65535 ? null : low + ((high - low) * code) / 65534;
  });
}

function number(value, digits = 4) {
  return value === null || value === undefined ? "" : Number(value.toPrecision(digits)).toString();
}

const grouped = new Intl.NumberFormat("en-US");

function whole(value) {
  return value === null || value === undefined ? "" : grouped.format(value);
}

// k with its standard error, to the digit that the error reaches.
function estimate(value, error) {
  if (value === null) return "";
  const digits = error > 0 ? Math.min(5, Math.max(3, Math.ceil(-Math.log10(error)))) : 4;
  return value.toFixed(digits) + (error === null ? "" : ` ± ${error.toFixed(digits)}`);
}

// An element with attributes and children; text is never taken for markup.
function made(name, attributes = {}, ...children) {
  const element = document.createElement(name);
  for (const [key, value] of Object.entries(attributes)) {
    if (value !== null && value !== false) element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.filter((each) => each !== null));
  return element;
}

// A number of a row; null where it has none, or the page has no such column.
function of(name, row) {
  return rows[name]?.[row] ?? null;
}

function signed(value, digits = 4) {
  return (value < 0 ? "−" : "+") + Math.abs(value).toFixed(digits);
}

// What changed of a row, in parts that can stand alone; pages of one model have none.
function changesOf(row) {
  const [dk, dkError, z, dln, changed, size] = ["dk", "dk_se", "z", "dln_lambda", "changed", "difference"].map((name) => of(name, row));
  const error = dkError === null ? "" : ` ± ${dkError.toFixed(4)}`;
  return [
    ...(dk === null ? [] : [["change of k", `${signed(dk)}${error}${z === null ? "" : `, ${Math.abs(z) > 1000 ? "more than 1,000" : Math.abs(z).toFixed(1)} standard errors`}`]]),
    ...(dln === null ? [] : [["change of ln lambda", signed(dln)]]),
    ...(changed === null ? [] : [["weights that changed", `${number(100 * changed, 3)} %`]]),
    ...(size === null ? [] : [["size of the change", `${number(100 * size, 3)} % of that of the weights`]]),
  ];
}

function where(row) {
  const parts = [rows.tower[row], rows.kind[row]];
  if (rows.block[row] !== null) parts.push(`block ${rows.block[row]}`);
  if (rows.expert[row] !== null) parts.push(`expert ${rows.expert[row]}`);
  if (rows.head[row] !== null) parts.push(`head ${rows.head[row]}`);
  return parts.filter((each) => each).join(", ");
}

const levels = ["fault", "warning", "note"];

// What was found of some rows, the most serious first; of two models, on request that of one.
function toldOf(some, model = null) {
  const told = [...new Set(some.flatMap((row) => rows.found[row]))].map((each) => page.findings[each]);
  const own = model ? told.filter((each) => each.model === null || each.model === model) : told;
  return levels.flatMap((level) => own.filter((each) => each.level === level));
}

// A finding in a sentence, with the model or step of which it is.
function sentence(each) {
  const step = each.step === null ? "" : `step ${whole(each.step)}: `;
  return (each.model === null ? "" : `${each.model}: `) + (each.message.startsWith(step) ? "" : step) + each.message;
}
