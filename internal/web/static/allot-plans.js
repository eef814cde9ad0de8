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

// A migration goes on by itself once that was asked for, here and in no address: a link must
// not be able to begin one.
(() => {
  const key = "allot migrates " + location.pathname;
  const form = document.getElementById("batch");
  const box = document.getElementById("by-itself");
  if (!form || !box) {
    sessionStorage.removeItem(key);
    return;
  }
  box.closest("[data-scripted]").hidden = false;
  form.addEventListener("submit", () => {
    if (box.checked) sessionStorage.setItem(key, "yes");
  });
  if (!sessionStorage.getItem(key) || document.querySelector("[role=alert]")) {
    sessionStorage.removeItem(key);
    return;
  }
  box.checked = true;
  const timer = setTimeout(() => form.requestSubmit(), 700);
  const stop = document.getElementById("stop");
  const end = () => {
    clearTimeout(timer);
    sessionStorage.removeItem(key);
    box.checked = false;
    stop.hidden = true;
  };
  stop.hidden = false;
  stop.addEventListener("click", end);
  box.addEventListener("change", () => { if (!box.checked) end(); });
})();
