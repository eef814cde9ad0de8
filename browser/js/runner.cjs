// Opens pages in one chromium and says what it saw. A line of standard input is a
// case, a line of standard output its result, in order; it ends with its input.
// What a case and a result have in them is said in browser/runner_test.go.
"use strict";
const readline = require("node:readline");
const { chromium } = require("playwright-core");
const { AxeBuilder } = require("@axe-core/playwright");

// What a page may not do is reported by what runs before any script of its own:
// what the content security policy stopped, and hostile text that ran.
function watch() {
  window.pwned = (what) => window.reportToRunner("ran", String(what));
  document.addEventListener(
    "securitypolicyviolation",
    (e) => window.reportToRunner("csp", `${e.effectiveDirective}: ${e.blockedURI} ${e.sample}`),
    true,
  );
}

// What hostile text became that should have stayed text.
function injected() {
  const found = [];
  for (const e of document.querySelectorAll("*")) {
    const names = e.getAttributeNames();
    if (e.localName === "pwn-ed" || names.includes("pwn") || names.some((n) => n.startsWith("on") || n.startsWith("hx-on"))) {
      found.push(e.outerHTML.slice(0, 200));
    }
    for (const n of ["href", "src", "action", "formaction", "hx-get", "hx-post", "data", "xlink:href"]) {
      const v = e.getAttribute(n);
      if (v !== null && /^[\s\x00-\x1f]*(javascript|vbscript|data\s*:\s*text)/i.test(v)) found.push(`${n}=${v.slice(0, 200)}`);
    }
  }
  return found;
}

// What is focused, as somebody would call it, and whether one sees that it is.
function focused() {
  const e = document.activeElement;
  if (!e || e === document.body) return { name: "", visible: true };
  const by = (e.getAttribute("aria-labelledby") || "").split(/\s+/).map((id) => document.getElementById(id)?.textContent ?? "");
  const name =
    e.getAttribute("aria-label") ||
    by.join(" ").trim() ||
    [...(e.labels ?? [])].map((l) => l.textContent).join(" ") ||
    (e.localName === "input" && /^(submit|button)$/.test(e.type) ? e.value : "") ||
    e.textContent || e.getAttribute("placeholder") || e.getAttribute("title") || e.getAttribute("name") || "";
  const s = getComputedStyle(e);
  // Of a date the part that is typed into is marked, which no style tells.
  const visible = /^(date|time|datetime-local)$/.test(e.type) || (s.outlineStyle !== "none" && parseFloat(s.outlineWidth) > 0) || s.boxShadow !== "none";
  return { name: name.replace(/\s+/g, " ").trim(), tag: e.localName, visible };
}

// evaluate asks a page for something, also one that is about to give way to another.
async function evaluate(page, what) {
  for (let i = 0; ; i++) {
    try {
      return await page.evaluate(what);
    } catch (fault) {
      if (i === 20 || !/context was destroyed/.test(fault.message)) throw fault;
      await page.waitForLoadState();
    }
  }
}

async function step(page, s, result) {
  if (s.press) return page.keyboard.press(s.press);
  if (s.type) return page.keyboard.type(s.type);
  if (s.goto) return page.goto(s.goto, { waitUntil: "load" });
  if (s.tab) {
    // Typed in the page's order, as somebody does who has no mouse.
    const passed = [];
    for (let i = 0; i < (s.within || 150); i++) {
      await page.keyboard.press(s.back ? "Shift+Tab" : "Tab");
      const f = await evaluate(page, focused);
      passed.push(f.name.slice(0, 40));
      if (!f.visible) result.unseen.push(f.name.slice(0, 80));
      if (new RegExp(s.tab, "i").test(f.name) && (!s.tag || s.tag === f.tag)) return;
    }
    throw new Error(`no tab leads to ${s.tab}: ${passed.join(" | ")}`);
  }
  if (s.expect) {
    // The text of inputs and of what is drawn counts as text.
    const want = new RegExp(s.expect, "i");
    const text = () => page.evaluate(() => document.body.innerText + "\n" + [...document.querySelectorAll("input,textarea,select")].map((i) => i.value).join("\n"));
    for (let i = 0; i < 50; i++) {
      let seen;
      try { seen = await text(); } catch { seen = ""; } // between two pages
      if (want.test(seen)) return;
      await page.waitForTimeout(100);
    }
    throw new Error(`${page.url()} does not say ${s.expect}:\n${(await text()).slice(0, 3000)}`);
  }
  if (s.at) {
    for (let i = 0; i < 50 && !new RegExp(s.at).test(page.url()); i++) await page.waitForTimeout(100);
    if (!new RegExp(s.at).test(page.url())) throw new Error(`at ${page.url()}, not at ${s.at}`);
    return;
  }
  if (s.same) { // what an attribute was when it was asked for before, it is not now
    const [selector, attribute] = s.same;
    const now = await page.getAttribute(selector, attribute, { timeout: 5000 });
    result.values.push(now ?? "");
    return;
  }
  throw new Error(`no step: ${JSON.stringify(s)}`);
}

// Somebody's context and page, with what they report to. Those of visits that may share
// theirs are kept until somebody else comes: what was loaded once is then there.
let kept = { key: "" };

async function visitor(browser, c) {
  const key = JSON.stringify([c.cookies, c.no_javascript, c.now, c.user_agent]);
  if (kept.key === key && c.share) return kept;
  if (kept.key) await kept.context.close();
  const first = c.variants?.[0] ?? { width: 1280, scheme: "light" };
  const context = await browser.newContext({
    viewport: { width: first.width, height: first.height || 900 }, colorScheme: first.scheme, reducedMotion: "reduce",
    javaScriptEnabled: !c.no_javascript, locale: "en-GB", timezoneId: "UTC", serviceWorkers: "block",
    ...(c.user_agent ? { userAgent: c.user_agent } : {}),
  });
  const v = (kept = { key, context, result: null, origins: new Set() });
  context.setDefaultTimeout(15_000);
  if (c.cookies) await context.addCookies(c.cookies);
  await context.exposeBinding("reportToRunner", (_, kind, what) => { v.result[kind].push(what); });
  await context.addInitScript(watch);
  const page = (v.page = await context.newPage());
  if (c.now) await page.clock.setFixedTime(new Date(c.now));
  context.on("request", (r) => {
    const u = new URL(r.url());
    v.result.requests++;
    if (!/^(data|blob|about):$/.test(u.protocol) && !v.origins.has(u.origin)) v.result.foreign.push(r.url());
  });
  page.on("console", (m) => {
    const itself = m.location().url === page.url() && m.text().startsWith("Failed to load resource"); // its status says so
    if (!itself && (m.type() === "error" || m.type() === "warning")) v.result.console.push(`${m.text()} (${m.location().url})`);
  });
  page.on("pageerror", (e) => v.result.console.push(String(e)));
  page.on("dialog", (d) => { v.result.ran.push(`dialog: ${d.message()}`); d.dismiss().catch(() => {}); });
  const cdp = await context.newCDPSession(page);
  await cdp.send("Network.enable");
  cdp.on("Network.loadingFinished", (e) => { v.result.bytes += e.encodedDataLength; });
  return v;
}

async function run(browser, c) {
  const result = {
    name: c.name, url: "", status: 0, text: "", console: [], foreign: [], csp: [], ran: [], injected: [],
    axe: [], overflow: [], unseen: [], values: [], frames: [], cookies: [], bytes: 0, requests: 0, millis: 0, error: "",
  };
  try {
    const v = await visitor(browser, c);
    const { context, page } = v;
    v.result = result;
    v.origins = new Set([new URL(c.url).origin, ...(c.origins ?? [])]);
    const began = performance.now();
    const response = await page.goto(c.url, { waitUntil: "load" });
    result.millis = performance.now() - began;
    result.status = response?.status() ?? 0;
    for (const s of c.steps ?? []) await step(page, s, result);
    if (c.settle) await page.waitForTimeout(c.settle);

    const judged = new Set();
    for (const v of c.variants ?? []) {
      const about = `${v.scheme} ${v.width}`;
      await page.setViewportSize({ width: v.width, height: v.height || 900 });
      await page.emulateMedia({ colorScheme: v.scheme, reducedMotion: "reduce" });
      const tooWide = () => evaluate(page, () => {
        const by = document.documentElement.scrollWidth - document.documentElement.clientWidth;
        if (by <= 0) return "";
        const wide = [...document.querySelectorAll("body *")].filter((e) => e.getBoundingClientRect().right > document.documentElement.clientWidth + 1);
        return `${by} px too wide: ` + wide.slice(0, 4).map((e) => e.outerHTML.slice(0, 90)).join(" ");
      });
      let over = await tooWide();
      // A chart is drawn anew once its place has another width.
      for (let i = 0; over && i < 5; i++) { await page.waitForTimeout(100); over = await tooWide(); }
      if (over) result.overflow.push(`${about}: ${over}`);
      if (c.axe) {
        // The other scheme differs in its colors alone.
        const axe = new AxeBuilder({ page }).setLegacyMode(true);
        if (judged.has(v.width)) axe.withRules(["color-contrast", "link-in-text-block"]);
        else axe.options({ resultTypes: ["violations"], rules: { "target-size": { enabled: true } } });
        judged.add(v.width);
        for (const x of (await axe.analyze()).violations) {
          if (x.nodes.length > 3) result.axe.push(`${about}: ${x.id}: ${x.nodes.length} times, of which three are`);
          for (const n of x.nodes.slice(0, 3)) result.axe.push(`${about}: ${x.id} (${x.impact}): ${n.target.join(" ")}: ${n.html.slice(0, 160)}: ${(n.failureSummary ?? "").replace(/\s+/g, " ").slice(0, 240)}`);
        }
      }
      if (v.screenshot) await page.screenshot({ path: v.screenshot, fullPage: !!v.full, animations: "disabled" });
    }
    result.injected = await evaluate(page, injected);
    result.text = await evaluate(page, () => document.body.innerText);
    result.url = page.url();
    result.frames = page.frames().slice(1).map((f) => f.url());
    result.cookies = (await context.cookies()).map((k) => ({ name: k.name, value: k.value, http_only: k.httpOnly, secure: k.secure, same_site: k.sameSite, path: k.path }));
  } catch (e) {
    result.error = String(e?.message ?? e);
  }
  return result;
}

(async () => {
  const root = process.getuid?.() === 0; // for whom chromium has no sandbox
  const browser = await chromium.launch({
    executablePath: process.argv[2], chromiumSandbox: !root,
    args: ["--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1, EXCLUDE localhost", "--disable-gpu", "--font-render-hinting=none"],
  });
  const say = (v) => process.stdout.write(JSON.stringify(v) + "\n");
  say({ name: `chromium ${browser.version()}, axe ${require("axe-core/package.json").version}` });
  for await (const line of readline.createInterface({ input: process.stdin })) say(await run(browser, JSON.parse(line)));
  if (kept.key) await kept.context.close();
  await browser.close();
})().catch((e) => { console.error(e); process.exit(1); });
