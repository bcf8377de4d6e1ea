// The TV guide: a grid to walk through with the arrow keys, and cards of what is on now.
import { api, bar, between, clock, day, el, every, fill, find, icon, keep, kept, length, logo, say, sayProblem, skeleton, subtitle, Problem } from "./app.js";

const place = find("#guide");
const strip = find("#strip");
/** Minutes seen at once. */
const SCALES = [2, 5, 10, 20, 30, 60, 120, 180, 360];
const ROOM = 120;

const state = {
  view: kept("guide-view") ?? (matchMedia("(max-width: 760px)").matches ? "now" : "grid"),
  scale: null,
  from: null,
  data: null,
  skew: 0,
  chosen: null,
  follow: true,
};

const now = () => Date.now() + state.skew;
const onAir = (programme, at = now()) => programme.start <= at && at < programme.stop;
const visible = () => SCALES[state.scale];
const width = () => Math.max(240, place.clientWidth - side());
const side = () => (matchMedia("(max-width: 760px)").matches ? 84 : 190);
const perMs = () => width() / (visible() * 60000);

let asked = 0;
async function load({ keepPlace = false } = {}) {
  const turn = ++asked;
  if (state.scale === null) {
    const first = await api("/ui/guide?minutes=120");
    state.scale = fitting(first);
  }
  const span = visible() * 60000;
  const minutes = Math.min(1440, visible() * 4);
  if (state.follow || state.from === null) state.from = floor(now() - span * 0.3);
  const data = await api(`/ui/guide?from=${Math.round(state.from)}&minutes=${minutes}`);
  // A later question has overtaken this one.
  if (turn !== asked) return;
  state.data = data;
  state.skew = data.now - Date.now();
  drawDays();
  draw(keepPlace);
}

/** The days that the guide has, as people call them. */
function drawDays() {
  const place = find("#day");
  const midnight = (ms) => new Date(ms).setHours(0, 0, 0, 0);
  const days = [];
  for (let at = midnight(state.data.first ?? now()); at < (state.data.last ?? now() + 1); at = midnight(at + 36 * 3600000)) days.push(at);
  const names = new Map([[midnight(now()), "Today"], [midnight(midnight(now()) + 36 * 3600000), "Tomorrow"], [midnight(midnight(now()) - 12 * 3600000), "Yesterday"]]);
  const shown = midnight(Math.max(state.from, state.data.first ?? state.from) + (visible() * 60000) / 2);
  // A list that is open must not be made anew under the pointer.
  const known = [...place.options].map((option) => option.value).join();
  if (known !== days.join()) place.replaceChildren(...days.map((at) => el("option", { value: at, text: names.get(at) ?? day(at) })));
  place.value = shown;
}

/** Goes to the same time of another day. */
async function toDay(midnight) {
  const today = new Date(now()).setHours(0, 0, 0, 0);
  if (midnight === today) return toNow(false);
  state.follow = false;
  const at = midnight + (now() - today);
  state.from = floor(Math.max(at, state.data.first ?? at) - visible() * 60000 * 0.3);
  state.chosen = null;
  await guarded(load());
}

/** The largest scale at which a usual programme still has room for its title. */
function fitting(data) {
  const lengths = data.channels.flatMap((channel) => channel.programmes.map((p) => (p.stop - p.start) / 60000)).sort((a, b) => a - b);
  const usual = lengths[Math.floor(lengths.length / 2)] ?? 30;
  const minutes = (width() * usual) / ROOM;
  const at = SCALES.findLastIndex((scale) => scale <= minutes && scale <= 180);
  return Math.max(0, at);
}

function unit() {
  const target = visible() / 5;
  return [1, 2, 5, 10, 15, 30, 60, 120].find((minutes) => minutes >= target) ?? 120;
}

function floor(ms) {
  const size = unit() * 60000;
  const zone = new Date(ms).getTimezoneOffset() * 60000;
  return Math.floor((ms - zone) / size) * size + zone;
}

function draw(keepPlace) {
  const data = state.data;
  for (const part of document.querySelectorAll(".grid-only")) part.hidden = state.view !== "grid";
  find("#view-now").setAttribute("aria-pressed", state.view === "now");
  find("#view-grid").setAttribute("aria-pressed", state.view === "grid");
  if (data.channels.length === 0) {
    strip.hidden = true;
    say(place, "empty", "No channels yet", "Add a folder of media: channels are made from it by themselves. Or make a channel by hand.", el("a", { class: "button main", href: "/media", text: "Add a library" }), el("a", { class: "button", href: "/channels", text: "New channel" }));
    return;
  }
  if (state.view === "grid") drawGrid(keepPlace);
  else drawCards();
}

function drawCards() {
  strip.hidden = true;
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.channel : null;
  const cards = state.data.channels.map((channel) => {
    const at = channel.programmes.findIndex((programme) => onAir(programme));
    const on = channel.programmes[at];
    const next = channel.programmes[at + 1];
    const extra = on && subtitle(on);
    const [since, until] = on ? between(on.start, on.stop) : [];
    return el("a", { class: "card oncard", href: `/player/${channel.number}`, data: { channel: channel.id } },
      el("header", {}, logo(channel), el("div", {}, el("span", { class: "number", text: channel.number }), el("div", { class: "name", text: channel.name }))),
      el("div", {}, el("div", { class: "title", text: on?.title ?? "Nothing planned" }), extra ? el("div", { class: "number", text: extra }) : null),
      on ? bar((now() - on.start) / (on.stop - on.start), `How far ${on.title} is`) : null,
      on ? el("div", { class: "times-line" }, el("span", { text: since }), el("span", { text: until })) : null,
      next ? el("div", { class: "next cut" }, "Next  ", el("b", { text: next.title })) : null);
  });
  fill(place, el("div", { class: "cards" }, ...cards));
  if (focused) find(`[data-channel="${focused}"]`, place)?.focus({ preventScroll: true });
}

function drawGrid(keepPlace) {
  const data = state.data;
  const scale = perMs();
  const total = (data.to - data.from) * scale;
  const old = find(".grid", place);
  const scroll = keepPlace && old ? [placeAfter(old, data, scale), old.scrollTop] : null;
  const hadFocus = old?.contains(document.activeElement);
  const x = (ms) => `${((ms - data.from) * scale).toFixed(1)}px`;

  const times = el("div", { class: "times", role: "presentation" }, el("div", { class: "corner", text: day(data.from) }));
  const ticks = el("div", { class: "ticks", style: { width: `${total}px` }, "aria-hidden": "true" });
  for (let at = floor(data.from); at < data.to; at += unit() * 60000) {
    if (at >= data.from) ticks.append(el("div", { class: "tick", text: clock(at), style: { left: x(at) } }));
  }
  times.append(ticks);

  const cells = (channel, row) => channel.programmes.map((programme, column) => {
    const start = Math.max(programme.start, data.from);
    const stop = Math.min(programme.stop, data.to);
    const wide = (stop - start) * scale;
    const extra = [programme.new ? "New" : null, subtitle(programme)].filter(Boolean).join(" · ");
    const cell = el("div", { class: "cell", role: "gridcell", tabindex: "-1", title: wide < 90 ? programme.title : undefined, data: { row, column, start: programme.start, stop: programme.stop }, style: { left: x(start), width: `${Math.max(3, wide - 3).toFixed(1)}px` } });
    if (programme.media === null) cell.classList.add("none");
    if (wide < 44) cell.classList.add("thin");
    // What is read out is what is seen, and after it what the place in the grid says to the eye.
    cell.append(el("div", { class: "in" }, el("b", { text: programme.title }), el("span", { text: extra || clock(programme.start) }), el("span", { class: "hidden", text: `, ${between(programme.start, programme.stop).join(" to ")}, ${channel.name}` })));
    return cell;
  });
  const rows = data.channels.map((channel, row) => el("div", { class: "grow-row", role: "row", "aria-rowindex": row + 1, data: { index: row } },
    el("div", { class: "rowhead", role: "rowheader" }, el("a", { href: `/player/${channel.number}`, tabindex: "-1", title: `Watch ${channel.name}` }, logo(channel), el("span", {}, el("span", { class: "number", text: channel.number }), el("span", { class: "name", text: channel.name })))),
    el("div", { class: "track", role: "presentation", style: { width: `${total}px` } })));
  fillRow = (row) => {
    const track = rows[row]?.lastElementChild;
    if (!track || track.childElementCount > 0) return;
    track.append(...cells(data.channels[row], row));
    mark(track);
  };
  const line = el("div", { class: "nowline", id: "nowline", "aria-hidden": "true" });
  const inner = el("div", { class: "inner", role: "presentation", style: { width: `${total + side()}px` } }, times, ...rows, line);
  const grid = el("div", { class: "grid", role: "grid", "aria-label": "Programmes by channel and time", "aria-rowcount": rows.length, onkeydown: walk, onclick: click, onfocusin: (event) => choose(event.target.closest(".cell")) }, inner);
  watcher?.disconnect();
  watcher = new IntersectionObserver((seen) => {
    for (const entry of seen) if (entry.isIntersecting) fillRow(Number(entry.target.dataset.index));
  }, { root: grid, rootMargin: "600px 0px" });
  drawn = { from: data.from, scale };
  fill(place, grid);
  for (const row of rows) watcher.observe(row);
  fillRow(0);
  find("#scale").textContent = length(visible() * 60);

  mark();
  if (scroll) [grid.scrollLeft, grid.scrollTop] = scroll;
  else if (data.from <= now() && now() < data.to) grid.scrollLeft = (now() - data.from) * scale - width() * 0.25;
  const again = state.chosen && cellAt(state.chosen.row, state.chosen.start);
  const first = again ?? find(".cell.on", grid) ?? find(".cell", grid);
  if (!first) return;
  choose(first);
  if (hadFocus) first.focus({ preventScroll: true });
}

/** How the grid was last drawn. */
let drawn = null;
/** Rows get their programmes when they come near: a thousand channels open as fast as ten. */
let watcher = null;
let fillRow = () => {};

/** Where to scroll after a reload: along with now while that is in sight, else to the same time. */
function placeAfter(old, data, scale) {
  if (!drawn) return old.scrollLeft;
  const left = drawn.from + old.scrollLeft / drawn.scale;
  const right = left + width() / drawn.scale;
  if (left <= now() && now() < right) return old.scrollLeft;
  return (left - data.from) * scale;
}

function cellAt(row, at) {
  fillRow(row);
  const cells = find(".grid", place)?.querySelectorAll(`.cell[data-row="${row}"]`) ?? [];
  return [...cells].find((cell) => Number(cell.dataset.start) <= at && at < Number(cell.dataset.stop)) ?? null;
}

/** Marks what is over and what is on, and moves the line of now. */
function mark(part) {
  const grid = find(".grid", place);
  if (!grid || !state.data) return;
  const at = now();
  const line = find("#nowline", grid);
  line.hidden = at < state.data.from || at >= state.data.to;
  line.style.setProperty("left", `${(side() + (at - state.data.from) * perMs()).toFixed(1)}px`);
  for (const cell of (part ?? grid).querySelectorAll(".cell")) {
    const start = Number(cell.dataset.start);
    const stop = Number(cell.dataset.stop);
    const on = start <= at && at < stop;
    cell.classList.toggle("past", stop <= at);
    if (cell.classList.toggle("on", on)) {
      cell.setAttribute("aria-current", "time");
      const shown = Math.max(start, state.data.from);
      const part = ((at - shown) / (Math.min(stop, state.data.to) - shown)) * 100;
      const done = find("i", cell) ?? cell.appendChild(el("i"));
      done.style.setProperty("width", `${Math.max(0, part).toFixed(1)}%`);
    } else if (cell.hasAttribute("aria-current")) {
      cell.removeAttribute("aria-current");
      find("i", cell)?.remove();
    }
  }
}

function choose(cell) {
  if (!cell) return;
  const old = find('.cell[tabindex="0"]', place);
  if (old && old !== cell) old.tabIndex = -1;
  cell.tabIndex = 0;
  const row = Number(cell.dataset.row);
  const channel = state.data.channels[row];
  const programme = channel.programmes[Number(cell.dataset.column)];
  state.chosen = { row, start: programme.start, channel, programme, on: onAir(programme) };
  describe(channel, programme);
}

function describe(channel, programme) {
  const on = onAir(programme);
  const extra = subtitle(programme);
  const [since, until] = between(programme.start, programme.stop);
  const today = new Date().toDateString() === new Date(programme.start).toDateString();
  const when = `${today ? "" : `${day(programme.start)}, `}${since} – ${until}, ${length((programme.stop - programme.start) / 1000)}`;
  const watch = el("a", { class: `button ${on ? "main" : ""}`, href: `/player/${channel.number}` }, icon("play"), on ? "Watch" : `Watch ${channel.name} now`);
  strip.replaceChildren(logo(channel),
    el("div", { class: "words" },
      el("div", { class: "spread" }, el("b", { text: programme.title }), on ? el("span", { class: "livedot" }, el("i"), "On now") : null, programme.new ? el("span", { class: "badge info", text: "New" }) : null),
      el("div", { class: "number", text: [extra, when, channel.name, programme.rating].filter(Boolean).join(" · ") }),
      el("div", { class: "plot", text: programme.description }),
      programme.cast ? el("div", { class: "number cut", text: `With ${programme.cast.join(", ")}` }) : null),
    watch);
  strip.hidden = false;
}

function go(row, at) {
  const cell = cellAt(Math.max(0, Math.min(state.data.channels.length - 1, row)), at);
  if (!cell) return false;
  cell.focus({ preventScroll: true });
  reveal(cell);
  return true;
}

/** Scrolls so that a cell's beginning is in sight beside the channel names. */
function reveal(cell) {
  const grid = find(".grid", place);
  const left = cell.offsetLeft;
  const right = left + cell.offsetWidth;
  if (left < grid.scrollLeft + 4) grid.scrollLeft = left - 12;
  else if (Math.min(right, left + 160) > grid.scrollLeft + width()) grid.scrollLeft = right - width() + 12 > left ? left - 12 : right - width() + 12;
  cell.closest(".grow-row").scrollIntoView({ block: "nearest", inline: "nearest" });
}

let column = null;
let queue = Promise.resolve();
/** Keys are done one after the other, since some have to wait for the next piece of the guide. */
function walk(event) {
  if (event.ctrlKey || event.metaKey || event.altKey || !event.target.closest(".cell")) return;
  if (!KEYS.includes(event.key)) return;
  event.preventDefault();
  queue = queue.then(() => step(event.key));
}

const KEYS = ["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown", "PageUp", "PageDown", "Home", "End", "Enter"];

async function step(key) {
  const chosen = state.chosen;
  if (!chosen) return;
  const { row, programme } = chosen;
  const inRow = chosen.channel.programmes;
  const at = inRow.indexOf(programme);
  // Up and down keep to a time of day, also across programmes of other lengths.
  const upright = ["ArrowUp", "ArrowDown", "PageUp", "PageDown"].includes(key);
  column = upright ? column ?? (onAir(programme) ? now() : Math.max(programme.start, state.data.from) + 1) : null;
  switch (key) {
    case "ArrowLeft":
      return at > 0 ? go(row, Math.max(inRow[at - 1].start, state.data.from)) : turn(-1, () => go(row, programme.start - 1));
    case "ArrowRight":
      return at + 1 < inRow.length ? go(row, inRow[at + 1].start) : turn(1, () => go(row, programme.stop));
    case "ArrowUp":
      return go(row - 1, column);
    case "ArrowDown":
      return go(row + 1, column);
    case "PageUp":
      return go(row - 6, column);
    case "PageDown":
      return go(row + 6, column);
    case "Home":
      return toNow(true);
    case "End":
      return go(row, inRow.at(-1).start);
    default:
      return location.assign(`/player/${chosen.channel.number}`);
  }
}

function click(event) {
  const cell = event.target.closest(".cell");
  if (!cell) return;
  choose(cell);
  cell.focus({ preventScroll: true });
  if (onAir(state.chosen.programme)) location.assign(`/player/${state.chosen.channel.number}`);
}

async function turn(direction, after) {
  state.follow = false;
  state.from = floor(state.from + direction * visible() * 3 * 60000);
  await guarded(load());
  const grid = find(".grid", place);
  if (grid) grid.scrollLeft = direction > 0 ? 0 : grid.scrollWidth;
  after?.();
}

async function toNow(focus) {
  state.follow = true;
  const row = state.chosen?.row ?? 0;
  state.chosen = null;
  await guarded(load());
  if (focus) go(row, now());
}

async function zoom(by) {
  const at = Math.max(0, Math.min(SCALES.length - 1, (state.scale ?? 4) + by));
  if (at === state.scale) return;
  state.scale = at;
  await guarded(load());
}

async function guarded(work) {
  try {
    await work;
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    sayProblem(place, problem, () => guarded(load()));
  }
}

function show(view) {
  state.view = view;
  keep("guide-view", view);
  if (state.data) draw(false);
}

find("#view-now").addEventListener("click", () => show("now"));
find("#view-grid").addEventListener("click", () => show("grid"));
find("#earlier").addEventListener("click", () => turn(-1));
find("#later").addEventListener("click", () => turn(1));
find("#now").addEventListener("click", () => toNow(false));
find("#day").addEventListener("change", (event) => toDay(Number(event.target.value)));
find("#zoom-in").addEventListener("click", () => zoom(-1));
find("#zoom-out").addEventListener("click", () => zoom(1));
let resized = 0;
let lastWidth = innerWidth;
addEventListener("resize", () => {
  if (innerWidth === lastWidth) return;
  lastWidth = innerWidth;
  clearTimeout(resized);
  resized = setTimeout(() => state.data && draw(false), 150);
});

skeleton(place, 5);
await guarded(load());
every(60000, () => load({ keepPlace: true }), false);
let ticks = 0;
setInterval(() => {
  if (document.hidden || !state.data?.channels.length) return;
  ticks += 1;
  const calm = visible() > 30 || state.view === "now";
  if (calm && ticks % 5 !== 0) return;
  if (state.view === "now") {
    if (find(".cards", place)) drawCards();
    return;
  }
  if (!find(".grid", place)) return;
  mark();
  const chosen = state.chosen;
  if (!chosen || chosen.on === onAir(chosen.programme)) return;
  // What was chosen by nobody goes along with what is on.
  const next = place.contains(document.activeElement) ? null : cellAt(chosen.row, now());
  choose(next ?? find('.cell[tabindex="0"]', place));
}, 1000);
