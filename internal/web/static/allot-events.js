// The events page shows what happens while it is open: rows come in above, and nothing that
// is being read moves away or closes.
"use strict";

(() => {
  const state = document.getElementById("live");
  if (!state || !window.EventSource) return;
  const say = (text) => { state.hidden = false; state.textContent = text; };
  let due = 0;

  // The page itself says what its new rows are.
  const refresh = async () => {
    due = 0;
    const answer = await fetch(location.href, { headers: { Accept: "text/html" } });
    if (!answer.ok || answer.redirected) return;
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    const rows = page.querySelectorAll("#events > tr");
    const table = document.getElementById("events");
    if (!table) { if (rows.length) location.reload(); return; }
    const first = table.firstElementChild;
    for (const row of rows) {
      if (document.getElementById(row.id)) continue;
      row.classList.add("new");
      table.insertBefore(document.adoptNode(row), first);
    }
  };

  const source = new EventSource(state.dataset.stream);
  const heard = () => { if (!due) due = setTimeout(refresh, 250); };
  for (const type of state.dataset.types.split(" ")) source.addEventListener(type, heard);
  source.addEventListener("ready", () => say("Live: new events appear by themselves."));
  source.addEventListener("error", () => say(source.readyState === EventSource.CLOSED ? "Not live: load the page again for what is new." : "Not live at the moment: trying again."));
  addEventListener("pagehide", () => source.close());
})();
