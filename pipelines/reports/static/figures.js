/* Draws the figures of a page in its colours, and switches between the figures of a chooser. */
/* global Plotly */
"use strict";

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const TOOLBAR = [["zoom2d", "pan2d", "resetScale2d", "toImage"]];

/** Read the JSON that the page embeds under an id. */
function embedded(id) {
  return JSON.parse(document.getElementById(id).textContent);
}

function colour(property) {
  return getComputedStyle(document.documentElement).getPropertyValue(property).trim();
}

/** Give a plotly layout the colours and the font of the page. */
function themed(layout) {
  const result = structuredClone(layout);
  const text = colour("--text");
  result.font = { color: text, family: getComputedStyle(document.body).fontFamily, size: 12 };
  result.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("--muted"), activecolor: colour("--accent") };
  result.hoverlabel = { bgcolor: colour("--panel"), bordercolor: colour("--border"), font: { color: text } };
  const lines = { gridcolor: colour("--grid"), linecolor: colour("--border"), zerolinecolor: colour("--border") };
  for (const key of Object.keys(result)) {
    if (/^[xy]axis/.test(key)) Object.assign(result[key], lines);
  }
  return result;
}

/** Draw a figure in an element; an element with data-toolbar gets plotly's buttons. */
function draw(element, figure) {
  const color = colour("--text");
  const withText = (trace) => ({ ...trace, textfont: { ...trace.textfont, color } });
  const data = figure.data.map((trace) => (trace.type === "heatmap" ? withText(trace) : trace));
  element.figure = figure;
  return Plotly.react(element, data, themed(figure.layout), {
    displaylogo: false,
    responsive: true,
    displayModeBar: "toolbar" in element.dataset,
    modeBarButtons: TOOLBAR,
  });
}

/** Show the figure that a <select data-element> names. */
function showChosen(chooser) {
  const element = document.getElementById(chooser.dataset.element);
  const option = chooser.selectedOptions[0];
  element.setAttribute("aria-label", `${chooser.dataset.describes} ${option.textContent}`);
  document.getElementById(`${element.id}-caption`).textContent = option.dataset.caption;
  // The figures have different ranges: drop the zoom of the one before.
  Plotly.purge(element);
  draw(element, embedded(option.value));
}

/** Set a chooser to a name and bring its figure into view. */
function choose(chooser, name) {
  const option = [...chooser.options].find((candidate) => candidate.textContent === name);
  if (!option) return;
  chooser.value = option.value;
  showChosen(chooser);
  chooser.closest("figure").scrollIntoView({ block: "start" });
  chooser.focus({ preventScroll: true });
}

for (const element of document.querySelectorAll("[data-figure]")) {
  draw(element, embedded(element.dataset.figure));
}

for (const chooser of document.querySelectorAll("select[data-element]")) {
  chooser.addEventListener("change", () => showChosen(chooser));
  showChosen(chooser);
}

darkScheme.addEventListener("change", () => {
  for (const element of document.querySelectorAll(".js-plotly-plot")) draw(element, element.figure);
});
