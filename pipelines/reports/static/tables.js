/* Fills the tables of a page from the JSON that it embeds; headings sort, a search field filters. */
/* global choose, embedded */
"use strict";

const ROWS_SHOWN = 200;

const COMPARISONS = {
  ">=": (a, b) => a >= b,
  "<=": (a, b) => a <= b,
  ">": (a, b) => a > b,
  "<": (a, b) => a < b,
  "==": (a, b) => a === b,
  "=": (a, b) => a === b,
  "!=": (a, b) => a !== b,
};

const FORMATS = {
  text: (value) => value,
  count: (value) => value.toLocaleString("en"),
  percent: (value) => `${inPercent(value * 100)} %`,
  basis_points: (value) => (value * 1e4).toFixed(1),
  p_value: (value) => (value < 0.001 ? "< 0.001" : value.toFixed(3)),
  coefficient: (value) => value.toFixed(3),
  value: (value) => String(Number(value.toPrecision(3))),
  decimal: (value) => value.toFixed(Math.abs(value) >= 1000 ? 0 : 2),
};

/** Write a percentage as `in_percent` of pipelines/table_layout.py does. */
function inPercent(percent) {
  if (Math.abs(percent) >= 1e6) return percent.toExponential(2);
  return percent.toLocaleString("en", { minimumFractionDigits: 1, maximumFractionDigits: 1 });
}

/** Split a text so that it wraps between its parts: after a comma, and after the double underscore of a name. */
function wrappable(text) {
  return text.split(/(?<=,|__)/).flatMap((part) => [part, document.createElement("wbr")]);
}

/** Order two values; null comes last in either direction. */
function compareValues(a, b, descending) {
  if (a === null || b === null) return (a === null) - (b === null);
  if (a === b) return 0;
  return a < b === descending ? 1 : -1;
}

/** Turn a word of the search field into a test of a row: n_trades>=30 and drift=shifted, else a part of its name. */
function rowTest(word, table) {
  const match = /^(\w+)(>=|<=|==|!=|>|<|=)(.+)$/.exec(word);
  const column = match ? table.columns.indexOf(match[1]) : -1;
  if (column > 0) {
    const operand = table.kinds[column] === "text" ? match[3] : Number(match[3]);
    const compare = COMPARISONS[match[2]];
    if (!Number.isNaN(operand)) return (row) => row[column] !== null && compare(row[column], operand);
  }
  return (row) => row[0].toLowerCase().includes(word.toLowerCase());
}

/** Make the cell that names a row; where the table has a chooser, a click shows the row's figure. */
function nameCell(name, chooser) {
  const cell = document.createElement("th");
  cell.scope = "row";
  const parts = wrappable(name.replaceAll("|", " "));
  if (!chooser) {
    cell.append(...parts);
    return cell;
  }
  const button = document.createElement("button");
  button.type = "button";
  button.append(...parts);
  button.addEventListener("click", () => choose(chooser, name));
  cell.append(button);
  return cell;
}

function valueCell(value, column, table) {
  const cell = document.createElement("td");
  const kind = table.kinds[column];
  const text = value === null ? "\u2013" : FORMATS[kind](value);
  if (kind === "text") {
    cell.className = `words ${table.classes[value] || ""}`;
    cell.append(...wrappable(text));
  } else {
    if (table.signed[column] && value) cell.className = value < 0 ? "negative" : "positive";
    cell.textContent = text;
  }
  return cell;
}

/** Fill a <table data-rows> and connect its headings, its search field and its button for more rows. */
function connectTable(element) {
  const id = element.dataset.rows;
  const table = embedded(id);
  const body = element.querySelector("tbody");
  const headings = [...element.querySelectorAll("thead th")];
  const filter = document.getElementById(`${id}-filter`);
  const status = document.getElementById(`${id}-status`);
  const more = document.getElementById(`${id}-more`);
  const chooser = table.chooser && document.getElementById(table.chooser);
  let sorted = table.sorted;
  let descending = table.down;
  let nShown = ROWS_SHOWN;

  function makeRow(values) {
    const row = document.createElement("tr");
    row.append(...values.map((value, column) => (column ? valueCell(value, column, table) : nameCell(value, chooser))));
    return row;
  }

  function fill() {
    const words = filter.value.split(/\s+/).filter(Boolean);
    const tests = words.map((word) => rowTest(word, table));
    const rows = table.rows.filter((row) => tests.every((test) => test(row)));
    rows.sort((a, b) => compareValues(a[sorted], b[sorted], descending));
    body.replaceChildren(...rows.slice(0, nShown).map(makeRow));
    headings.forEach((heading, column) => {
      if (column === sorted) heading.setAttribute("aria-sort", descending ? "descending" : "ascending");
      else heading.removeAttribute("aria-sort");
    });
    const [n, nAll] = [rows, table.rows].map((some) => some.length.toLocaleString("en"));
    status.textContent = `${n} of ${nAll} ${table.noun}`;
    more.textContent = `Show all ${n}`;
    more.hidden = rows.length <= nShown;
  }

  function sortBy(column) {
    // Numbers start with the highest, words with the first; a second click reverses.
    descending = column === sorted ? !descending : table.kinds[column] !== "text";
    sorted = column;
    fill();
  }

  headings.forEach((heading, column) => {
    heading.querySelector("button").addEventListener("click", () => sortBy(column));
  });
  filter.addEventListener("input", () => {
    nShown = ROWS_SHOWN;
    fill();
  });
  more.addEventListener("click", () => {
    nShown = Infinity;
    fill();
  });
  fill();
}

document.querySelectorAll("table[data-rows]").forEach(connectTable);
