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

function whole(value) {
  return value === null || value === undefined ? "" : value.toLocaleString("en-US");
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

function where(row) {
  const parts = [rows.tower[row], rows.kind[row]];
  if (rows.block[row] !== null) parts.push(`block ${rows.block[row]}`);
  if (rows.expert[row] !== null) parts.push(`expert ${rows.expert[row]}`);
  if (rows.head[row] !== null) parts.push(`head ${rows.head[row]}`);
  return parts.filter((each) => each).join(", ");
}

const levels = ["fault", "warning", "note"];

// The most serious level of what was found of some rows; null for none.
function levelOf(some) {
  const found = some.flatMap((row) => rows.found[row].map((each) => page.findings[each].level));
  return levels.find((level) => found.includes(level)) ?? null;
}
