// What all pages share: talking to the server, building elements, saying what is going on.

/** A request that came to nothing, with the server's own words for it. */
export class Problem extends Error {
  constructor(status, detail) {
    const first = detail[0] ?? { msg: `the server answered ${status}`, fix: "try again" };
    super(sentence(first.msg));
    this.status = status;
    this.detail = detail;
    this.fix = sentence(first.fix ?? "");
    this.kind = first.type;
  }
}

const AWAY = { msg: "the server does not answer", fix: "check that it is running; this page tries again by itself", type: "away", loc: [] };

/** Asks the server for JSON; throws a [Problem]. */
export async function api(path, { method = "GET", body, signal } = {}) {
  const headers = { Accept: "application/json" };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  let response;
  try {
    response = await fetch(path, { method, headers, signal, body: body === undefined ? undefined : JSON.stringify(body) });
  } catch (error) {
    if (error.name === "AbortError") throw error;
    throw new Problem(0, [AWAY]);
  }
  if (response.status === 401) {
    location.assign(`/login?next=${encodeURIComponent(location.pathname + location.search)}`);
    throw new Problem(401, [{ msg: "you are logged out", fix: "log in again", loc: [] }]);
  }
  const text = await response.text();
  let value = null;
  try {
    value = text ? JSON.parse(text) : null;
  } catch {
    throw new Problem(response.status, [{ msg: "the answer cannot be read", fix: "reload the page", loc: [] }]);
  }
  if (response.ok) return value;
  const detail = Array.isArray(value?.detail) ? value.detail : [{ msg: String(value?.detail ?? `the server answered ${response.status}`), fix: "try again", loc: [] }];
  throw new Problem(response.status, detail);
}

/** Capital first letter and a full stop: errors are written without. */
export function sentence(text) {
  if (!text) return "";
  const first = text[0].toUpperCase() + text.slice(1);
  return /[.!?…]$/.test(first) ? first : `${first}.`;
}

export const find = (selector, root = document) => root.querySelector(selector);

/** Builds an element; `class`, `text`, `data`, `style` and `onclick`-like keys do what they say. */
export function el(tag, attributes = {}, ...children) {
  const element = document.createElement(tag);
  for (const [key, value] of Object.entries(attributes)) {
    if (value === undefined || value === null || value === false) continue;
    if (key === "class") element.className = value;
    else if (key === "text") element.textContent = value;
    else if (key === "data") Object.assign(element.dataset, value);
    else if (key === "style") for (const [name, size] of Object.entries(value)) element.style.setProperty(name, size);
    else if (key.startsWith("on")) element.addEventListener(key.slice(2), value);
    else element.setAttribute(key, value === true ? "" : value);
  }
  element.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
  return element;
}

/** An icon of the layout's sprite. */
export function icon(name) {
  const svg = document.createElementNS("http://www.w3.org/2000/svg", "svg");
  svg.setAttribute("class", "icon");
  svg.setAttribute("aria-hidden", "true");
  const use = document.createElementNS("http://www.w3.org/2000/svg", "use");
  use.setAttribute("href", `#i-${name}`);
  svg.append(use);
  return svg;
}

/** The logo of a channel, drawn from its name when it has none. */
export function logo(channel) {
  const url = channel.logo_path ?? channel.logo;
  if (url) {
    const box = el("span", { class: "logo", "aria-hidden": "true" });
    const picture = el("img", { src: /^https?:/.test(url) ? url : `/${url.replace(/^\/+/, "")}`, alt: "", loading: "lazy" });
    picture.addEventListener("error", () => box.replaceWith(logo({ ...channel, logo: null, logo_path: null })), { once: true });
    box.append(picture);
    return box;
  }
  const words = channel.name.split(/[\s&+\-–:]+/).filter(Boolean);
  const initials = words.length > 1 ? words[0][0] + words[1][0] : channel.name.slice(0, 2);
  return el("span", { class: "logo", "aria-hidden": "true", text: initials.toUpperCase(), style: { "--hue": String((channel.id * 67 + 130) % 360) } });
}

export const badge = (kind, text, picture) => el("span", { class: `badge ${kind}` }, picture ? icon(picture) : null, text);

export function bar(part, label) {
  const share = Math.max(0, Math.min(1, part)) * 100;
  return el("div", { class: "bar", role: "progressbar", "aria-label": label, "aria-valuemin": 0, "aria-valuemax": 100, "aria-valuenow": Math.round(share) }, el("i", { style: { width: `${share.toFixed(1)}%` } }));
}

/** Fills a place with a word on why there is nothing else in it. */
export function say(place, kind, title, text, ...actions) {
  place.removeAttribute("aria-busy");
  const picture = kind === "error" ? "alert" : "scan";
  place.replaceChildren(el("div", { class: `state ${kind}`, role: kind === "error" ? "alert" : undefined }, icon(picture), el("strong", { text: title }), el("p", { text }), actions.length ? el("div", { class: "spread" }, ...actions) : null));
}

export function sayProblem(place, problem, again) {
  say(place, "error", problem.message, problem.fix, again ? el("button", { type: "button", onclick: again, text: "Try again" }) : null);
}

export function skeleton(place, rows = 4) {
  place.setAttribute("aria-busy", "true");
  place.replaceChildren(el("p", { class: "hidden", text: "Loading" }), ...Array.from({ length: rows }, () => el("div", { class: "skeleton" })));
}

export function fill(place, ...children) {
  place.removeAttribute("aria-busy");
  place.replaceChildren(...children);
}

export function toast(text, kind = "") {
  const box = el("div", { class: `toast ${kind}`, text });
  find("#toasts").append(box);
  setTimeout(() => box.remove(), kind === "bad" ? 9000 : 4500);
}

/** Runs `work` now (or first after `ms`) and every `ms` while the page is seen; tells when the server is away. */
export function every(ms, work, atOnce = true) {
  let timer = 0;
  let running = false;
  let failures = 0;
  const offline = find("#offline");
  const turn = async () => {
    clearTimeout(timer);
    if (running || document.hidden) return;
    running = true;
    try {
      await work();
      failures = 0;
      offline.hidden = true;
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      failures += 1;
      if (problem.status === 0 || problem.status >= 500) {
        offline.textContent = `${problem.message} What you see may be old; trying again.`;
        offline.hidden = false;
      }
    } finally {
      running = false;
      if (!document.hidden) timer = setTimeout(turn, Math.min(60000, ms * 2 ** Math.min(failures, 4)));
    }
  };
  document.addEventListener("visibilitychange", turn);
  if (atOnce) turn();
  else timer = setTimeout(turn, ms);
  return turn;
}

// Times

const clockFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const secondFormat = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", second: "2-digit" });
const dayFormat = new Intl.DateTimeFormat(undefined, { weekday: "short", day: "numeric", month: "short" });
export const clock = (ms, seconds = false) => (seconds ? secondFormat : clockFormat).format(ms);
export const day = (ms) => dayFormat.format(ms);

/** Time of day, with the date when it is not today. */
export function moment(ms, seconds = false) {
  const today = new Date().toDateString() === new Date(ms).toDateString();
  return today ? clock(ms, seconds) : `${day(ms)}, ${clock(ms, seconds)}`;
}

/** Beginning and end; short clips need their seconds. */
export function between(start, stop) {
  const seconds = stop - start < 180000;
  return [clock(start, seconds), clock(stop, seconds)];
}

export function length(seconds) {
  if (seconds < 60) return `${Math.round(seconds)} s`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 60) return `${minutes} min`;
  return `${Math.floor(minutes / 60)} h ${String(minutes % 60).padStart(2, "0")} min`;
}

/** `S1 E2`, or nothing. */
export function episode(season, number, last) {
  if (number === null || number === undefined) return "";
  const end = last && last !== number ? `–${last}` : "";
  return season === null || season === undefined ? `E${number}${end}` : `S${season} E${number}${end}`;
}

/** Title and the words below it, the same everywhere. */
export function subtitle(programme) {
  const parts = [episode(programme.season, programme.episode), programme.episode_title];
  if (!programme.episode_title && programme.year) parts.push(String(programme.year));
  return parts.filter(Boolean).join(" · ");
}

// Dialogs and forms

for (const closer of document.querySelectorAll("[data-close]")) closer.addEventListener("click", () => closer.closest("dialog").close());

/** Asks before something is done that cannot be undone; `work` may fail and the dialog says so. */
export function confirm(title, text, work, verb) {
  const dialog = find("#confirm-dialog");
  const problem = find(".problem", dialog);
  find("#confirm-title").textContent = title;
  find("#confirm-text").textContent = text;
  problem.hidden = true;
  const go = find("#confirm-go").cloneNode(true);
  if (verb) go.textContent = verb;
  find("#confirm-go").replaceWith(go);
  go.addEventListener("click", async () => {
    go.disabled = true;
    try {
      await work();
      dialog.close();
    } catch (error) {
      problem.textContent = `${error.message} ${error.fix ?? ""}`;
      problem.hidden = false;
    } finally {
      go.disabled = false;
    }
  });
  dialog.showModal();
}

/** Sends a form with `work`; what the server refuses is written beside its field. */
export function onSubmit(form, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    clearProblems(form);
    const button = find("button.main", form);
    button.disabled = true;
    try {
      await work(new FormData(form));
    } catch (error) {
      if (!(error instanceof Problem)) throw error;
      showProblem(form, error);
    } finally {
      button.disabled = false;
    }
  });
}

export function clearProblems(form) {
  for (const wrong of form.querySelectorAll(".wrong")) wrong.remove();
  for (const input of form.querySelectorAll("[aria-invalid]")) {
    input.removeAttribute("aria-invalid");
    input.removeAttribute("aria-describedby");
  }
  const problem = find(".problem", form);
  problem.textContent = "";
  problem.hidden = true;
}

function showProblem(form, error) {
  const rest = [];
  let first = null;
  for (const detail of error.detail) {
    const text = [sentence(detail.msg), sentence(detail.fix)].filter(Boolean).join(" ");
    const names = (detail.loc ?? []).slice(1);
    const field = names.map((name) => find(`[data-field="${CSS.escape(String(name).split("[")[0])}"]`, form)).find(Boolean);
    const input = field && find("input, select", field);
    if (!input) {
      rest.push(text);
      continue;
    }
    const id = `wrong-${names.join("-").replace(/\W+/g, "-")}`;
    field.append(el("span", { class: "wrong", id, text }));
    input.setAttribute("aria-invalid", "true");
    input.setAttribute("aria-describedby", id);
    first ??= input;
  }
  first?.focus();
  const problem = find(".problem", form);
  problem.textContent = rest.join(" ");
  problem.hidden = rest.length === 0;
}

// On a phone the menu may be wider than the screen: the page one is on is in view.
const menu = find(".menu");
const here = menu && find("[aria-current]", menu);
if (here) menu.scrollLeft = here.offsetLeft - (menu.clientWidth - here.offsetWidth) / 2;

// Theme

find("#theme").addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  keep("theme", root.dataset.theme);
});

/** Remembers a choice of this browser, where it allows that. */
export function keep(key, value) {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Nothing is lost but the choice.
  }
}

export function kept(key) {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
}
