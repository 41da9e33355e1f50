// The table at once; the pictures as soon as Plotly is unpacked.

document.addEventListener("click", (event) => {
  const button = event.target.closest("button[data-row], button[data-search]");
  if (!button) return;
  if (button.dataset.search !== undefined) table.search(button.dataset.search);
  else detail.open(Number(button.dataset.row), page.among?.[button.dataset.row] ?? []);
});

document.getElementById("choice").addEventListener("change", (event) => {
  chosen.quantity = event.target.value;
  theme.changed();
});
document.getElementById("choice").addEventListener("submit", (event) => event.preventDefault());

async function unpackedScript() {
  const bytes = Uint8Array.from(atob(document.getElementById("plotly").textContent), (each) => each.charCodeAt(0));
  const script = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Response(script).text();
}

async function drawPictures() {
  const element = document.createElement("script");
  element.textContent = await unpackedScript();
  document.head.append(element); // runs at once, because the page's policy knows its hash
  document.getElementById("pictures").hidden = false;
  drawMaps();
  drawProfiles();
  drawCourses();
  drawPublished();
}

table.make();
drawPictures().then(
  () => { document.documentElement.dataset.ready = "pictures"; },
  (error) => {
    document.documentElement.dataset.ready = "table";
    const text = `The pictures could not be drawn (${error.message}); all numbers are in the table.`;
    document.getElementById("maps").append(made("p", { role: "alert" }, text));
    document.getElementById("pictures").hidden = false;
  },
);
