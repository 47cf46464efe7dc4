"""What a page looks like and what it does by itself, as text that `pipelines.reports.html` writes into one file.

The page asks nothing of any network: its policy forbids it, and everything it shows is in it.
"""

from __future__ import annotations

POLICY = "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; img-src data: blob:"

STYLE = """
:root { color-scheme: light dark; --page: #fbfbfa; --panel: #ffffff; --text: #22272e; --quiet: #5b6570; --rule: #d9dde1;
  --grid: rgba(90,100,110,.18); --mark: #2f6fad; --gain: #1f7a6c; --loss: #a83c50; --warn: #8a6100; }
@media (prefers-color-scheme: dark) { :root { --page: #16191d; --panel: #1d2126; --text: #e3e6ea; --quiet: #9aa4af;
  --rule: #343b43; --grid: rgba(160,170,180,.18); --mark: #7fb2e5; --gain: #63c2b1; --loss: #e48a99;
  --warn: #d9b25c; } }
* { box-sizing: border-box; }
body { margin: 0 auto; max-width: 1240px; padding: 24px 20px 64px; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", Roboto, "DejaVu Sans", sans-serif; }
h1 { font-size: 24px; line-height: 1.25; margin: 0 0 4px; }
h2 { font-size: 17px; margin: 0 0 2px; }
p { margin: 0 0 8px; }
.quiet, figcaption, small { color: var(--quiet); font-size: 13px; }
section, figure { background: var(--panel); border: 1px solid var(--rule); border-radius: 8px; margin: 16px 0 0;
  padding: 16px; min-width: 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(100%, 460px), 1fr)); gap: 0 16px; }
dl { display: grid; grid-template-columns: repeat(auto-fit, minmax(200px, 1fr)); gap: 14px 20px; margin: 16px 0 0; }
dl div { border-left: 3px solid var(--rule); padding-left: 10px; }
dt { color: var(--quiet); font-size: 13px; }
dd { margin: 0; font-size: 20px; font-variant-numeric: tabular-nums; }
dd small { display: block; line-height: 1.3; }
.wide { overflow-x: auto; } .tall { max-height: 620px; overflow-y: auto; }
.tall thead th { position: sticky; top: 0; z-index: 1; background: var(--panel); }
.tall thead th:first-child { z-index: 2; }
table { border-collapse: collapse; width: 100%; font-size: 13px; font-variant-numeric: tabular-nums; }
th, td { padding: 4px 10px; text-align: right; border-bottom: 1px solid var(--rule); white-space: nowrap; }
th:first-child { text-align: left; white-space: normal; min-width: 260px; position: sticky; left: 0;
  background: var(--panel); }
th { font-weight: 600; } thead th { white-space: normal; vertical-align: bottom; } tbody th { font-weight: 400; }
tbody th, td { vertical-align: top; }
tbody tr:hover > * { background: var(--page); }
.negative { color: var(--loss); } .positive { color: var(--gain); } .warning { color: var(--warn); }
td.words, th.words { text-align: left; white-space: normal; overflow-wrap: anywhere; min-width: 90px; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer;
  text-align: inherit; }
tbody th button:hover { color: var(--mark); text-decoration: underline; }
thead th button::after { content: "\\2195"; color: var(--quiet); margin-left: 4px; opacity: .6; }
th[aria-sort=ascending] button::after { content: "\\2191"; color: var(--mark); opacity: 1; }
th[aria-sort=descending] button::after { content: "\\2193"; color: var(--mark); opacity: 1; }
.controls { display: flex; flex-wrap: wrap; gap: 8px 16px; align-items: center; margin: 8px 0; }
input, select, .more { font: inherit; font-size: 14px; color: var(--text); background: var(--page); padding: 5px 8px;
  border: 1px solid var(--rule); border-radius: 6px; max-width: 100%; }
input { width: 340px; } label { font-weight: 600; font-size: 14px; }
:focus-visible { outline: 2px solid var(--mark); outline-offset: 2px; }
table.plain { width: auto; min-width: 60%; } table.plain td.words { white-space: normal; }
table.plain th:first-child { min-width: 0; } table td.name { text-align: left; white-space: nowrap; }
ul.quiet { margin: 14px 0 0; padding-left: 18px; }
@media print { .controls, .more { display: none; } section, figure { break-inside: avoid; } }
"""

SCRIPT = r"""
"use strict";
const dark = matchMedia("(prefers-color-scheme: dark)");
const read = (id) => { const found = document.getElementById(id); return found && JSON.parse(found.textContent); };
const colour = (name) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();
const FONT = getComputedStyle(document.body).fontFamily;
const TOOLS = [["zoom2d", "pan2d", "resetScale2d", "toImage"]];

function looks(layout) {
  const found = structuredClone(layout);
  found.font = { color: colour("--text"), family: FONT, size: 12 };
  found.modebar = { bgcolor: "rgba(0,0,0,0)", color: colour("--quiet"), activecolor: colour("--mark") };
  found.hoverlabel = { bgcolor: colour("--panel"), bordercolor: colour("--rule"), font: { color: colour("--text") } };
  const lines = { gridcolor: colour("--grid"), linecolor: colour("--rule"), zerolinecolor: colour("--rule") };
  for (const key of Object.keys(found).filter((name) => /^[xy]axis/.test(name))) Object.assign(found[key], lines);
  return found;
}

function draw(place, figure) {
  const color = colour("--text");
  const written = (trace) => ({ ...trace, textfont: { ...trace.textfont, color } });
  const data = figure.data.map((trace) => trace.type === "heatmap" ? written(trace) : trace);
  place.figure = figure;
  const tools = { displayModeBar: "tools" in place.dataset, modeBarButtons: TOOLS };
  return Plotly.react(place, data, looks(figure.layout), { displaylogo: false, responsive: true, ...tools });
}

for (const place of document.querySelectorAll("[data-figure]")) draw(place, read(place.dataset.figure));

for (const chooser of document.querySelectorAll("select[data-place]")) {
  const place = document.getElementById(chooser.dataset.place);
  const show = () => {
    const chosen = chooser.selectedOptions[0];
    place.setAttribute("aria-label", chooser.dataset.says + " " + chosen.textContent);
    document.getElementById(place.id + "-told").textContent = chosen.dataset.told;
    // Another choice has other values: no zoom is carried over.
    Plotly.purge(place);
    draw(place, read(chosen.value));
  };
  chooser.addEventListener("change", show);
  show();
}

function choose(chooser, name) {
  const option = [...chooser.options].find((some) => some.textContent === name);
  if (!option) return;
  chooser.value = option.value;
  chooser.dispatchEvent(new Event("change"));
  chooser.closest("figure").scrollIntoView({ block: "start" });
  chooser.focus({ preventScroll: true });
}

dark.addEventListener("change", () => {
  for (const place of document.querySelectorAll(".js-plotly-plot")) draw(place, place.figure);
});

for (const table of document.querySelectorAll("table[data-rows]")) {
  const STEP = 200, id = table.dataset.rows, held = read(id), part = (name) => document.getElementById(id + name);
  const body = table.querySelector("tbody"), heads = [...table.querySelectorAll("th")];
  const status = part("-status"), more = part("-more"), filter = part("-filter");
  const chooser = held.chooser && document.getElementById(held.chooser);
  const compare = { ">=": (a, b) => a >= b, "<=": (a, b) => a <= b, ">": (a, b) => a > b, "<": (a, b) => a < b,
    "==": (a, b) => a === b, "=": (a, b) => a === b, "!=": (a, b) => a !== b };
  let order = { column: held.sorted, down: held.down }, shown = STEP;

  // Words have to be in the name; n_trades>=30 and drift=shifted are conditions on a column.
  function condition(word) {
    const match = /^(\w+)(>=|<=|==|!=|>|<|=)(.+)$/.exec(word);
    const column = match ? held.columns.indexOf(match[1]) : -1;
    const value = column > 0 && held.kinds[column] !== "text" ? Number(match[3]) : match && match[3];
    if (column > 0 && !Number.isNaN(value)) {
      return (row) => row[column] !== null && compare[match[2]](row[column], value);
    }
    return (row) => row[0].toLowerCase().includes(word.toLowerCase());
  }

  // A long name breaks between its parts.
  function broken(name) {
    return name.replaceAll("|", " ").split(/(?<=,|__)/).flatMap((some) => [some, document.createElement("wbr")]);
  }

  function named(name) {
    if (!chooser) return broken(name);
    const button = document.createElement("button");
    button.type = "button";
    button.append(...broken(name));
    button.addEventListener("click", () => choose(chooser, name));
    return [button];
  }

  function written(value, kind) {
    if (value === null) return "\u2013";
    if (kind === "text") return value;
    if (kind === "count") return value.toLocaleString("en");
    if (kind === "percent") return (value * 100).toFixed(1) + " %";
    if (kind === "points") return (value * 1e4).toFixed(1);
    if (kind === "chance") return value < 0.001 ? "< 0.001" : value.toFixed(3);
    if (kind === "share") return value.toFixed(3);
    if (kind === "value") return String(Number(value.toPrecision(3)));
    return Math.abs(value) >= 1000 ? value.toFixed(0) : value.toFixed(2);
  }

  function fill() {
    const tests = filter.value.split(/\s+/).filter(Boolean).map(condition);
    const rows = held.rows.filter((row) => tests.every((test) => test(row)));
    const { column, down } = order, sign = down ? -1 : 1;
    rows.sort((a, b) => {
      const first = a[column], second = b[column];
      if (first === null || second === null) return (first === null) - (second === null);
      return sign * (first < second ? -1 : first > second ? 1 : 0);
    });
    body.replaceChildren(...rows.slice(0, shown).map((row) => {
      const line = document.createElement("tr");
      row.forEach((value, at) => {
        const cell = document.createElement(at ? "td" : "th");
        if (!at) cell.scope = "row";
        if (at) cell.textContent = written(value, held.kinds[at]);
        else cell.append(...named(value));
        if (at && held.kinds[at] === "text") cell.className = "words " + (held.classes[value] || "");
        else if (held.signed[at] && value) cell.className = value < 0 ? "negative" : "positive";
        line.append(cell);
      });
      return line;
    }));
    heads.forEach((head, at) => {
      if (at === column) head.setAttribute("aria-sort", down ? "descending" : "ascending");
      else head.removeAttribute("aria-sort");
    });
    const counted = [rows, held.rows].map((some) => some.length.toLocaleString("en"));
    status.textContent = counted.join(" of ") + " " + held.noun;
    more.hidden = rows.length <= shown;
    more.textContent = "Show all " + counted[0];
  }

  heads.forEach((head, at) => head.querySelector("button").addEventListener("click", () => {
    order = { column: at, down: order.column === at ? !order.down : held.kinds[at] !== "text" };
    fill();
  }));
  filter.addEventListener("input", () => { shown = STEP; fill(); });
  more.addEventListener("click", () => { shown = Infinity; fill(); });
  fill();
}
"""
