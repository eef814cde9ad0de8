// The catalog's file and migrations.
"use strict";

// A fault of a file leads to its place in the text.
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[data-line]");
  const field = document.getElementById("text");
  if (!link || !field) return;
  event.preventDefault();
  const lines = field.value.split("\n");
  const line = Number(link.dataset.line);
  let at = 0;
  for (const text of lines.slice(0, line - 1)) at += text.length + 1;
  const end = at + (lines[line - 1] || "").length;
  const column = [...(lines[line - 1] || "")].slice(0, Number(link.dataset.column) - 1).join("").length;
  field.focus();
  field.setSelectionRange(at + column, end);
  const height = parseFloat(getComputedStyle(field).lineHeight) || 20;
  field.scrollTop = Math.max(0, (line - 4) * height);
});

// A migration goes on by itself once that was asked for: here, and in no address, as a link must
// not be able to begin one. It goes on only where a batch has just led to; who comes back later
// asks for it anew.
(() => {
  const key = "allot migrates " + location.pathname;
  const form = document.getElementById("batch");
  const box = document.getElementById("by-itself");
  const asked = sessionStorage.getItem(key);
  sessionStorage.removeItem(key);
  if (!form || !box) return;
  const more = form.hasAttribute("data-more");
  form.addEventListener("submit", () => {
    if (box.checked && more) sessionStorage.setItem(key, "yes");
  });
  const label = box.closest("label");
  label.hidden = !more;
  const [arrival] = performance.getEntriesByType("navigation");
  if (!asked || !arrival || arrival.redirectCount === 0 || document.querySelector("[role=alert]")) return;
  box.checked = true;
  label.hidden = false;
  const timer = setTimeout(() => form.requestSubmit(), 700);
  const stop = document.getElementById("stop");
  const end = () => {
    clearTimeout(timer);
    box.checked = false;
    stop.hidden = true;
  };
  stop.hidden = false;
  stop.addEventListener("click", end);
  box.addEventListener("change", () => { if (!box.checked) end(); });
})();
