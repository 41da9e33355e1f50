// Dark or light: as the system has it, until the button is pressed. Prints are always light.

const theme = { printing: false, listeners: [] };
const systemDark = matchMedia("(prefers-color-scheme: dark)");

theme.dark = () => {
  if (theme.printing) return false;
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : systemDark.matches;
};

theme.label = () => {
  document.getElementById("theme").textContent = theme.dark() ? "Light colours" : "Dark colours";
};
theme.listeners.push(theme.label);

theme.changed = () => theme.listeners.forEach((listener) => listener());

document.getElementById("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = theme.dark() ? "light" : "dark";
  theme.changed();
});
systemDark.addEventListener("change", theme.changed);
for (const [event, printing] of [["beforeprint", true], ["afterprint", false]]) {
  addEventListener(event, () => {
    theme.printing = printing;
    unfold(printing);
    theme.changed();
  });
}

// Nobody can open on paper what is folded.
function unfold(printing) {
  for (const each of document.querySelectorAll("details")) {
    if (printing && !each.open) each.dataset.folded = "";
    if ("folded" in each.dataset) each.open = printing;
    if (!printing) delete each.dataset.folded;
  }
}

theme.ink = () => (theme.dark() ? "#e4e6ea" : "#1b1e24");
theme.soft = () => (theme.dark() ? "#a6acb6" : "#565c66");
theme.line = () => (theme.dark() ? "#3a3f48" : "#d7dae0");
theme.page = () => (theme.dark() ? "#16181d" : "#ffffff");
theme.panel = () => (theme.dark() ? "#1f2228" : "#f4f5f7");
theme.fault = () => (theme.dark() ? "#ff8a80" : "#b00020");

// Orange below the middle and blue above it differ for every kind of colour-blindness.
theme.diverging = () =>
  theme.dark()
    ? [[0, "#ffb45c"], [0.25, "#a3622a"], [0.5, "#24272e"], [0.75, "#2f6fa8"], [1, "#8cc8ff"]]
    : [[0, "#a84a00"], [0.25, "#f0a55d"], [0.5, "#f7f7f7"], [0.75, "#7fb2dd"], [1, "#0b4f94"]];

// One hue from faint to strong, for what has no middle.
theme.sequential = () =>
  theme.dark()
    ? [[0, "#20242c"], [0.5, "#4f7fa8"], [1, "#cfe8ff"]]
    : [[0, "#f4f7fa"], [0.5, "#7fa6cc"], [1, "#0b3f77"]];

// Okabe and Ito's colours, which the colour-blind can tell apart, and as many dashes and marks.
const LINES = [
  ["#0072B2", "solid", "circle"], ["#D55E00", "solid", "square"], ["#009E73", "solid", "diamond"],
  ["#CC79A7", "solid", "triangle-up"], ["#E69F00", "dash", "circle"], ["#56B4E9", "dash", "square"],
  ["#8C6D31", "dash", "diamond"], ["#7F7F7F", "dash", "triangle-up"],
];
function lineOf(place) {
  const [colour, dash, symbol] = LINES[place % LINES.length];
  return { colour, dash: place >= LINES.length ? "dot" : dash, symbol };
}

theme.label();
