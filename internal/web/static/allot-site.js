// The price list: its switch works at once, and a page that has it in a frame is told how
// high it is.
"use strict";

document.addEventListener("click", (event) => {
  const to = event.target.closest("a[data-switch]");
  if (!to || event.ctrlKey || event.metaKey || event.shiftKey || event.button) return;
  event.preventDefault();
  const yearly = new URL(to.href).searchParams.get("period") === "year";
  for (const a of document.querySelectorAll("a[data-switch]")) {
    if (a === to) a.setAttribute("aria-current", "true");
    else a.removeAttribute("aria-current");
  }
  for (const e of document.querySelectorAll(".regular")) e.hidden = yearly;
  for (const e of document.querySelectorAll(".annual")) e.hidden = !yearly;
  history.replaceState(null, "", to.href);
});

if (parent !== window) {
  new ResizeObserver(() => {
    parent.postMessage({ allot: "height", height: Math.ceil(document.documentElement.getBoundingClientRect().height) }, "*");
  }).observe(document.documentElement);
}
