"use strict";
const body = document.querySelector("tbody");
const rows = body ? [...body.rows] : [];
const texts = rows.map((row) => row.textContent.toLowerCase());
const filter = document.querySelector("input");
if (filter) {
  filter.addEventListener("input", () => {
    const words = filter.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    rows.forEach((row, index) => {
      row.hidden = !words.every((word) => texts[index].includes(word));
      shown += !row.hidden;
    });
    document.querySelector("#shown").textContent = `${shown} of ${rows.length} shown`;
  });
}
document.querySelectorAll("th button").forEach((button) => {
  button.addEventListener("click", () => {
    const heading = button.closest("th");
    const down = heading.getAttribute("aria-sort") === "ascending";
    document.querySelectorAll("th").forEach((each) => each.removeAttribute("aria-sort"));
    heading.setAttribute("aria-sort", down ? "descending" : "ascending");
    const key = (row) => row.cells[heading.cellIndex].textContent;
    const sorted = [...rows].sort((a, b) => key(a).localeCompare(key(b), undefined, { numeric: true }));
    body.append(...(down ? sorted.reverse() : sorted));
  });
});
