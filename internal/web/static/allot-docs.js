// The API page: the search filters as one types, and requests are sent from the page. What
// the visitor pastes is kept in this variable and nowhere else; so that it outlives a way
// from request to request, those pages are put into this one.
"use strict";

const kept = { token: "", client_id: "", client_secret: "" };

const quote = (text) => "'" + text.replaceAll("'", "'\\''") + "'";

// make is an element with a text.
function make(name, text, attributes = {}) {
  const e = document.createElement(name);
  e.textContent = text;
  for (const [key, value] of Object.entries(attributes)) e.setAttribute(key, value);
  return e;
}

// arrive prepares the page that has come.
function arrive() {
  const form = document.querySelector("[data-try] form");
  if (!form) return;
  form.hidden = false;
  for (const name in kept) if (form.elements[name]) form.elements[name].value = kept[name];
  sketch(form);
}

// request is what the form asks for.
function request(form) {
  const on = form.closest("[data-try]");
  let path = on.dataset.path;
  const query = new URLSearchParams(), headers = {};
  for (const input of form.querySelectorAll("[data-in]")) {
    const { in: where, name } = input.dataset, value = input.value;
    if (where === "path") path = path.replace("{" + name + "}", encodeURIComponent(value));
    else if (value === "") continue;
    else if (where === "query") query.append(name, value);
    else headers[name] = value;
  }
  if (form.elements.token?.value) headers.Authorization = "Bearer " + form.elements.token.value.trim();
  if (on.dataset.auth === "basic" && form.elements.client_id.value) {
    const part = (name) => encodeURIComponent(form.elements[name].value.trim());
    headers.Authorization = "Basic " + btoa(part("client_id") + ":" + part("client_secret"));
  }
  const body = form.elements.body?.value || undefined;
  if (body !== undefined) headers["Content-Type"] = on.dataset.type;
  const asked = query.toString();
  return { url: path + (asked && "?" + asked), method: on.dataset.try, headers, body };
}

// sketch shows the same request for a shell. Secrets are named there, not shown.
function sketch(form) {
  const { url, method, headers, body } = request(form);
  const parts = ["curl -sS" + (method === "GET" ? "" : " -X " + method) + " " + quote(location.origin + url)];
  const auth = form.closest("[data-try]").dataset.auth;
  if (auth === "client" || auth === "user") parts.push('-H "Authorization: Bearer $ALLOT_TOKEN"');
  if (auth === "basic") parts.push('-u "$ALLOT_CLIENT_ID:$ALLOT_CLIENT_SECRET"');
  for (const [name, value] of Object.entries(headers)) {
    if (name !== "Authorization") parts.push("-H " + quote(name + ": " + value));
  }
  if (body !== undefined) parts.push("--data-binary " + quote(body));
  document.querySelector("[data-curl]").textContent = parts.join(" \\\n  ");
}

// send asks the server, and shows what it says.
async function send(form) {
  const out = form.closest("[data-try]").querySelector("[data-answer]");
  out.hidden = false;
  out.replaceChildren(make("p", "Waiting for the answer …", { class: "faint" }));
  try {
    const { url, ...options } = request(form);
    const began = performance.now();
    const answer = await fetch(url, { ...options, credentials: "omit", cache: "no-store" });
    let text;
    if ((answer.headers.get("Content-Type") || "").startsWith("text/event-stream")) {
      text = "A stream, which this page does not follow. curl does.";
      answer.body.cancel();
    } else {
      text = await answer.text();
    }
    const took = Math.round(performance.now() - began);
    try {
      text = pretty(text);
    } catch { /* it is no JSON */ }
    const status = make("p", "");
    status.append(make("span", String(answer.status), { class: "badge " + (answer.ok ? "good" : "bad") }), " " + answer.statusText + " ", make("small", "in " + took + " ms"));
    const headers = make("details", "");
    headers.append(make("summary", "Headers"), make("pre", [...answer.headers].map(([name, value]) => name + ": " + value).join("\n"), { tabindex: "0", role: "group", "aria-label": "Headers of the answer" }));
    out.replaceChildren(status, make("pre", text || "(no body)", { tabindex: "0", role: "group", "aria-label": "The answer" }), headers);
  } catch (error) {
    out.replaceChildren(make("p", "No answer came: " + error.message, { class: "alert" }));
  }
}

// pretty is JSON with its lines, its numbers as they were sent. It throws if it is none.
function pretty(text) {
  JSON.parse(text);
  let out = "", depth = 0;
  const line = () => "\n" + "  ".repeat(depth);
  for (const [token] of text.matchAll(/"(?:[^"\\]|\\.)*"|[{[]\s*[}\]]|[{}[\],:]|[^\s{}[\],:"]+/g)) {
    if (token === "{" || token === "[") { depth++; out += token + line(); }
    else if (token === "}" || token === "]") { depth--; out += line() + token; }
    else if (token === ",") out += token + line();
    else if (token === ":") out += ": ";
    else out += token.length > 1 && /^[{[]/.test(token) ? token[0] + token.at(-1) : token;
  }
  return out;
}

// getToken trades a client's id and secret for a token.
async function getToken(form) {
  const part = (name) => form.elements[name].value.trim();
  const out = form.closest("[data-try]").querySelector("[data-answer]");
  out.hidden = false;
  try {
    const answer = await fetch("/oauth2/token", {
      method: "POST", credentials: "omit",
      body: new URLSearchParams({ grant_type: "client_credentials", client_id: part("client_id"), client_secret: part("client_secret") }),
    });
    const said = await answer.json();
    if (!answer.ok) throw new Error(said.error_description || said.error || answer.statusText);
    kept.token = form.elements.token.value = said.access_token;
    out.replaceChildren(make("p", "The token holds for " + Math.round(said.expires_in / 60) + " minutes.", { class: "notice" }));
  } catch (error) {
    out.replaceChildren(make("p", "No token: " + error.message, { class: "alert" }));
  }
}

// show puts a page of the API into this one.
async function show(url, scroll) {
  const answer = await fetch(url);
  const page = new DOMParser().parseFromString(await answer.text(), "text/html");
  const main = page.querySelector("main");
  if (!main) { location.href = url; return; }
  document.title = page.title;
  document.querySelector("main").replaceWith(document.adoptNode(main));
  arrive();
  main.focus({ preventScroll: true });
  scrollTo(0, scroll || 0);
}

document.addEventListener("submit", (event) => {
  if (!event.target.closest("[data-try]")) return;
  event.preventDefault();
  send(event.target);
});

document.addEventListener("input", (event) => {
  const form = event.target.closest("[data-try] form");
  if (form) {
    if (event.target.name in kept) kept[event.target.name] = event.target.value;
    sketch(form);
  }
  if (!event.target.hasAttribute("data-filter")) return;
  const words = event.target.value.toLowerCase().split(/\s+/);
  let found = 0;
  for (const section of document.querySelectorAll(".ops")) {
    let some = false;
    for (const op of section.querySelectorAll("[data-op]")) {
      const text = op.dataset.op.toLowerCase();
      op.hidden = !words.every((word) => text.includes(word));
      if (!op.hidden) { some = true; found++; }
    }
    section.hidden = !some;
  }
  document.querySelector("[data-found]").textContent = found === 1 ? "1 request" : found + " requests";
});

document.addEventListener("click", (event) => {
  if (event.target.closest("[data-token]")) {
    getToken(event.target.closest("form"));
    return;
  }
  const link = event.target.closest("a[href]");
  if (!link || event.ctrlKey || event.metaKey || event.shiftKey || event.altKey || event.button) return;
  if (link.origin !== location.origin || !/^\/docs(\/|$)/.test(link.pathname) || link.hash) return;
  event.preventDefault();
  history.replaceState({ scroll: scrollY }, "");
  history.pushState({}, "", link.href);
  show(link.href);
});
addEventListener("popstate", (event) => show(location.href, event.state?.scroll));

history.scrollRestoration = "manual";
arrive();
