// What makes the page of a customer fluent: the slider and the chart. Without it both are
// there too, as a form and as a table.
"use strict";

(() => {
  // What depends on the time that is looked at, by their ids. The slider stays, so that the
  // keyboard can go on.
  const parts = ["line", "when-says", "when-steps", "when-marks", "look", "entitlements", "agreements", "usage"];
  const said = (form, second) => new Date(second * 1000).toLocaleString("en-GB", {
    dateStyle: "medium", timeStyle: "short", timeZone: form.dataset.zone,
  });

  let newest = 0;
  async function look(address) {
    const mine = ++newest;
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    if (mine !== newest) return;
    if (!answer.ok || answer.redirected && !new URL(answer.url).pathname.startsWith("/console/customers/")) {
      location.assign(address);
      return;
    }
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (mine !== newest) return;
    for (const id of parts) {
      const there = document.getElementById(id), then = page.getElementById(id);
      if (!there || !then) continue;
      for (const open of there.querySelectorAll("details[open]")) {
        const same = [...then.querySelectorAll("details")].find((d) => d.firstElementChild.textContent.split(" (")[0] === open.firstElementChild.textContent.split(" (")[0]);
        if (same) same.open = true;
      }
      if (there.matches("details[open]")) then.open = true;
      there.replaceWith(document.adoptNode(then));
    }
    const field = document.querySelector("input[name=on]"), fresh = page.querySelector("input[name=on]");
    if (field && fresh) field.value = fresh.value;
    history.replaceState(null, "", answer.url);
    draw();
  }

  for (const form of document.querySelectorAll("form[data-slide]")) {
    const range = form.elements.slide, output = form.querySelector("output");
    const tell = () => { range.setAttribute("aria-valuetext", said(form, range.value)); };
    tell();
    range.addEventListener("input", () => { output.textContent = said(form, range.value); tell(); });
    let wait;
    range.addEventListener("change", () => {
      clearTimeout(wait);
      wait = setTimeout(() => {
        const address = new URL(location.href);
        address.hash = "";
        address.searchParams.set("at", new Date(range.value * 1000).toISOString().replace(".000Z", "Z"));
        look(address).then(() => { output.textContent = ""; });
      }, 150);
    });
  }

  // The chart is drawn from the numbers of its table.
  const charts = new Map();
  function draw() {
    for (const [box, chart] of charts) {
      chart.destroy();
      if (!box.isConnected) charts.delete(box);
    }
    for (const box of document.querySelectorAll("[data-chart]")) {
      const table = document.getElementById(box.dataset.chart);
      if (!table || !window.uPlot) continue;
      if (!document.querySelector(`link[href="${box.dataset.css}"]`)) {
        const link = document.createElement("link");
        link.rel = "stylesheet";
        link.href = box.dataset.css;
        document.head.append(link);
      }
      const rows = [...table.tBodies[0].rows], of = (name) => rows.map((r) => Number(r.dataset[name]));
      const style = getComputedStyle(document.documentElement), colour = (name) => style.getPropertyValue(name).trim();
      const times = of("t"), opens = rows.filter((r) => r.dataset.opens).map((r) => Number(r.dataset.t));
      const data = [times, of("units"), of("sum")];
      const series = [
        { label: "Day", value: (u, t) => t == null ? "" : new Date(t * 1000).toLocaleDateString("en-GB", { dateStyle: "medium", timeZone: box.dataset.zone }) },
        { label: box.dataset.name, fill: colour("--bar"), stroke: colour("--bar"), paths: uPlot.paths.bars({ size: [0.7, 40] }), points: { show: false } },
        { label: "In the window", stroke: colour("--ink"), width: 1.5, paths: uPlot.paths.stepped({ align: 1 }), points: { show: false } },
      ];
      if (box.dataset.limit !== undefined) {
        data.push(times.map(() => Number(box.dataset.limit)));
        series.push({ label: "Limit", stroke: colour("--bar-bad"), width: 1.5, dash: [6, 4], points: { show: false } });
      }
      box.hidden = false;
      const axis = { stroke: colour("--faint"), grid: { stroke: colour("--line"), width: 1 }, ticks: { stroke: colour("--line"), width: 1 } };
      const windows = (u) => {
        u.ctx.save();
        u.ctx.strokeStyle = colour("--faint");
        u.ctx.setLineDash([2, 3]);
        for (const t of opens) {
          const x = Math.round(u.valToPos(t, "x", true)) + 0.5;
          u.ctx.beginPath();
          u.ctx.moveTo(x, u.bbox.top);
          u.ctx.lineTo(x, u.bbox.top + u.bbox.height);
          u.ctx.stroke();
        }
        u.ctx.restore();
      };
      charts.set(box, new uPlot({
        width: box.clientWidth, height: 260, series, scales: { y: { range: (u, low, high) => [Math.min(0, low), high > 0 ? high * 1.05 : 1] } },
        axes: [{ ...axis, values: (u, all) => all.map((t) => new Date(t * 1000).toLocaleDateString("en-GB", { day: "numeric", month: "short", timeZone: box.dataset.zone })) }, { ...axis, size: 64 }], hooks: { draw: [windows] },
        tzDate: (t) => uPlot.tzDate(new Date(t * 1000), box.dataset.zone), cursor: { drag: { x: false, y: false } },
      }, data, box));
    }
  }
  draw();
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", draw);
  let resized;
  addEventListener("resize", () => {
    clearTimeout(resized);
    resized = setTimeout(() => { for (const [box, chart] of charts) chart.setSize({ width: box.clientWidth, height: 260 }); }, 100);
  });
})();
