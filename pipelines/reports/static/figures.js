/* Draws the figures of a page in its colours, and switches between the figures of a chooser. */
/* global Plotly */
"use strict";

const darkScheme = matchMedia("(prefers-color-scheme: dark)");
const narrowScreen = matchMedia("(max-width: 600px)");
const NARROW_TITLE = 26;
const NARROW_LABEL = 24;
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

/** Cut a text in its middle; its end tells windows and symbols apart. */
function shortened(text) {
  const end = 9;
  return text.length <= NARROW_LABEL ? text : `${text.slice(0, NARROW_LABEL - end - 1)}…${text.slice(-end)}`;
}

/** Break a text into lines. */
function inLines(text, longest) {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = `${lines.at(-1)} ${word}`.trim();
    if (line.length > longest && lines.at(-1)) lines.push(word);
    else lines[lines.length - 1] = line;
  }
  return lines.join("<br>");
}

/** Fit a plotly layout to a phone: titles in lines, short labels beside bars and rows, slim margins. */
function narrowed(layout, data) {
  layout.margin = { ...layout.margin, l: 36, r: 8 };
  for (const key of Object.keys(layout)) {
    const title = /^[xy]axis/.test(key) && layout[key].title;
    if (title && title.text) layout[key].title = { ...title, text: inLines(title.text, NARROW_TITLE), font: { size: 11 } };
  }
  const axis = layout.yaxis;
  const rows = data.flatMap((trace) => (Array.isArray(trace.y) && typeof trace.y[0] === "string" ? trace.y : []));
  if (axis.ticktext) axis.ticktext = axis.ticktext.map(shortened);
  else if (rows.length) Object.assign(axis, { tickvals: [...new Set(rows)], ticktext: [...new Set(rows)].map(shortened) });
  return layout;
}

/** Draw a figure in an element; an element with data-toolbar gets plotly's buttons. */
function draw(element, figure) {
  const color = colour("--text");
  const size = narrowScreen.matches ? 9 : 12;
  const withText = (trace) => ({ ...trace, textfont: { size, ...trace.textfont, color } });
  const data = figure.data.map((trace) => (trace.type === "heatmap" ? withText(trace) : trace));
  const layout = themed(figure.layout);
  element.figure = figure;
  return Plotly.react(element, data, narrowScreen.matches ? narrowed(layout, figure.data) : layout, {
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

for (const query of [darkScheme, narrowScreen]) {
  query.addEventListener("change", () => {
    for (const element of document.querySelectorAll(".js-plotly-plot")) draw(element, element.figure);
  });
}
