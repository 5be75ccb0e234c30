"use strict";
// Sort by a click on a column's name, keep the rows that hold a word. Without this script the tables stand as they are.
const compare = (a, b) => (a !== "" && b !== "" && Number.isFinite(a - b) ? a - b : a.localeCompare(b, "en", { numeric: true }));
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const heads = [...table.tHead.rows[0].cells];
  const keyOf = (row, column) => row.cells[column].dataset.sort ?? row.cells[column].textContent;
  heads.forEach((head, column) => {
    if (body.rows.length < 2) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const up = head.ariaSort !== "ascending";
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", up ? "ascending" : "descending");
      const order = (a, b) => compare(keyOf(a, column), keyOf(b, column));
      body.append(...[...body.rows].sort((a, b) => (up ? order(a, b) : order(b, a))));
    });
  });
  if ("filter" in table.dataset && body.rows.length > 1) {
    const box = document.createElement("label");
    const words = document.createElement("input");
    const count = document.createElement("output");
    box.className = "filter";
    words.type = "search";
    words.placeholder = table.dataset.filter || "a word";
    box.append("Show only rows with ", words, count);
    table.parentElement.before(box);
    words.addEventListener("input", () => {
      const wanted = words.value.toLowerCase().split(/\s+/);
      let shown = 0;
      for (const row of body.rows) {
        const text = row.textContent.toLowerCase();
        row.hidden = !wanted.every((word) => text.includes(word));
        shown += row.hidden ? 0 : 1;
      }
      count.textContent = words.value ? `${shown} of ${body.rows.length}` : "";
    });
  }
}
