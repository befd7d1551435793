"use strict";
// Numbers sort by their value with its unit, everything else as text; empty
// cells come last either way.
const factors = {ns: 1e-9, "µs": 1e-6, ms: 1e-3, s: 1, B: 1, kB: 1e3, MB: 1e6, GB: 1e9};
function key(row, column) {
  const text = row.cells[column].textContent.trim();
  const m = /^<?(-?[\d,.]+(?:e[+-]?\d+)?)\s*(ns|µs|ms|s|B|kB|MB|GB)?(?![\w])/.exec(text);
  return {text, number: m ? parseFloat(m[1].replace(/,/g, "")) * (factors[m[2]] || 1) : NaN};
}
function compare(a, b) {
  if (!isNaN(a.number) && !isNaN(b.number)) return a.number - b.number;
  if (isNaN(a.number) !== isNaN(b.number)) return isNaN(a.number) ? 1 : -1;
  return a.text.localeCompare(b.text);
}
for (const button of document.querySelectorAll("th button")) {
  button.addEventListener("click", () => {
    const th = button.parentElement, body = th.closest("table").tBodies[0], column = th.cellIndex;
    const down = th.getAttribute("aria-sort") === "ascending";
    for (const other of th.parentElement.cells) other.removeAttribute("aria-sort");
    th.setAttribute("aria-sort", down ? "descending" : "ascending");
    const rows = [...body.rows].map(row => ({row, key: key(row, column)}));
    rows.sort((a, b) => {
      if (!a.key.text || !b.key.text) return !a.key.text - !b.key.text;
      return down ? compare(b.key, a.key) : compare(a.key, b.key);
    });
    body.append(...rows.map(r => r.row));
  });
}
const filter = document.getElementById("filter"), count = document.getElementById("count");
function apply() {
  const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
  let shown = 0;
  const rows = document.querySelector("#all tbody").rows;
  for (const row of rows) {
    const text = row.textContent.toLowerCase();
    row.hidden = !words.every(w => text.includes(w));
    if (!row.hidden) shown++;
  }
  count.textContent = `${shown} of ${rows.length} rows`;
}
filter.addEventListener("input", apply);
apply();
