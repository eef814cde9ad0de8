// The events page shows what happens while it is open: rows come in above, and nothing that
// is being read moves away or closes.
"use strict";

(() => {
  const state = document.getElementById("live");
  if (!state || !window.EventSource) return;
  const say = (text) => { state.hidden = false; state.textContent = text; };
  const soon = 250, pause = 2000; // milliseconds: after an event, and between two refreshes
  const most = 500; // rows
  let due = false, busy = false, timer = 0, next = 0;

  // older leads the way to older events on from the last row that is kept.
  const older = (page) => {
    const place = document.querySelector(".pager span:last-child");
    const link = page.querySelector(".pager a[rel=next]");
    if (!place || !link) return;
    const to = new URL(link.href, location.href);
    to.searchParams.set("before", document.getElementById("events").lastElementChild.id.replace("event-", ""));
    link.href = to.pathname + to.search;
    place.replaceChildren(document.adoptNode(link));
  };

  // The page itself says what its new rows are.
  const refresh = async () => {
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const rows = [...page.querySelectorAll("#events > tr")];
    const table = document.getElementById("events");
    if (!table) { if (rows.length) location.reload(); return; }
    const fresh = rows.filter((row) => !document.getElementById(row.id));
    if (fresh.length === rows.length && rows.length) table.replaceChildren(); // more came than a page has: no row is missing in between
    const first = table.firstElementChild;
    for (const row of fresh) {
      row.classList.add("new");
      table.insertBefore(document.adoptNode(row), first);
    }
    const cut = table.children.length > most;
    while (table.children.length > most) table.lastElementChild.remove();
    if (cut || !first) older(page);
  };

  // However much happens, there is one refresh at a time, and time between two.
  const heard = () => {
    due = true;
    if (timer || busy) return;
    timer = setTimeout(async () => {
      timer = 0;
      due = false;
      busy = true;
      try {
        await refresh();
      } finally {
        busy = false;
        next = Date.now() + pause;
        if (due) heard();
      }
    }, Math.max(soon, next - Date.now()));
  };

  const source = new EventSource(state.dataset.stream);
  for (const type of state.dataset.types.split(" ")) source.addEventListener(type, heard);
  source.addEventListener("ready", () => say("Live: new events appear by themselves."));
  source.addEventListener("error", () => say(source.readyState === EventSource.CLOSED ? "Not live: load the page again for what is new." : "Not live at the moment: trying again."));
  addEventListener("pagehide", () => source.close());
})();
