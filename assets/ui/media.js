// Media: where it comes from, what was found in it, and why some of it cannot be played.
import { api, badge, bar, clearProblems, confirm, el, episode, every, fill, find, icon, length, moment, onSubmit, say, sayProblem, skeleton, toast, Problem } from "./app.js";

const place = find("#media");
const shelf = find("#libraries");
const filters = find("#filters");
const PAGE = 50;
const KINDS = { movie: "Film", episode: "Episode", music_video: "Music video", live: "Broadcast", other: "Other" };
const HOLDS = { movie: "films", show: "shows", music: "music videos", live: "broadcasts", other: "a mix" };
const STATES = { playable: ["good", "check"], corrupt: ["bad", "cross"], unsupported: ["warn", "alert"], missing: ["warn", "alert"], quarantined: ["warn", "shield"] };
const state = { libraries: [], scans: new Map(), skip: 0, asked: 0 };

// Libraries

async function loadLibraries() {
  let libraries;
  try {
    libraries = await api("/api/libraries");
  } catch (problem) {
    if (shelf.hasAttribute("aria-busy")) sayProblem(shelf, problem, loadLibraries);
    throw problem;
  }
  state.libraries = libraries;
  await Promise.all(libraries.map(async (library) => {
    // An idle library may not have been scanned since the server started: nothing to ask for then.
    if (library.status !== "idle") await look(library.id);
  }));
  const box = filters.elements.library_id;
  const chosen = box.value;
  box.replaceChildren(el("option", { value: "", text: "all" }), ...libraries.map((library) => el("option", { value: library.id, text: library.name })));
  box.value = chosen;
  drawLibraries();
  follow();
}

/** Reads how far a scan is; a library that was taken away meanwhile has none. */
async function look(id) {
  try {
    state.scans.set(id, await api(`/api/libraries/scan-progress/${id}`));
  } catch (problem) {
    if (!(problem instanceof Problem) || problem.status !== 404) throw problem;
    state.scans.set(id, null);
  }
}

const running = (scan) => scan !== null && scan !== undefined && (scan.status === "started" || scan.status === "running");

let following = false;
async function follow() {
  if (following) return;
  following = true;
  try {
    while (state.libraries.some((library) => running(state.scans.get(library.id)))) {
      await new Promise((resolve) => setTimeout(resolve, 350));
      const busy = state.libraries.filter((library) => running(state.scans.get(library.id)));
      await Promise.all(busy.map((library) => look(library.id)));
      for (const library of busy) drawScan(library);
      const ended = busy.filter((library) => !running(state.scans.get(library.id)));
      for (const library of ended) {
        const scan = state.scans.get(library.id);
        toast(scan?.status === "failed" ? `${library.name} could not be scanned.` : `${library.name} is scanned.`, scan?.status === "failed" ? "bad" : "");
      }
      if (ended.length) {
        state.libraries = await api("/api/libraries");
        drawLibraries();
        loadMedia();
      }
    }
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    toast(`${problem.message} ${problem.fix}`, "bad");
  } finally {
    following = false;
  }
}

function drawLibraries() {
  if (state.libraries.length === 0) {
    say(shelf, "empty", "No library yet", "Add a folder with films, shows or music videos. It is scanned, and channels are made from it by themselves.", el("button", { type: "button", class: "main", onclick: open, text: "Add a library" }));
    return;
  }
  const focused = document.activeElement?.dataset?.key;
  fill(shelf, ...state.libraries.map((library) => el("article", { class: "card", data: { library: library.id } },
    el("header", {}, el("div", { class: "grow" }, el("div", { class: "name", text: library.name }), el("small", { text: `${library.item_count} ${library.item_count === 1 ? "item" : "items"} · ${HOLDS[library.library_type] ?? library.library_type}` })),
      el("button", { type: "button", class: "quiet round", "aria-label": `Remove ${library.name}`, title: "Remove", data: { key: `remove-${library.id}` }, onclick: () => remove(library) }, icon("trash"))),
    el("div", { class: "path", text: library.path }),
    el("div", { class: "scan", "aria-live": "polite" }),
    el("div", { class: "spread" }, el("button", { type: "button", data: { key: `scan-${library.id}`, scan: library.id }, onclick: () => scan(library) }, icon("scan"), "Scan")))));
  for (const library of state.libraries) drawScan(library);
  if (focused) find(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function drawScan(library) {
  const card = find(`[data-library="${library.id}"]`, shelf);
  if (!card) return;
  const scan = state.scans.get(library.id);
  const box = find(".scan", card);
  const button = find(`[data-scan]`, card);
  button.disabled = running(scan);
  if (running(scan)) {
    const known = scan.total_files > 0;
    const line = bar(known ? scan.scanned_files / scan.total_files : 0, `Scan of ${library.name}`);
    line.classList.toggle("busy", !known);
    box.replaceChildren(line, el("small", { text: known ? `${scan.scanned_files} of ${scan.total_files} files, ${scan.new_items} new` : "Looking for files" }), el("div", { class: "path cut", text: scan.current_file ?? "" }));
    return;
  }
  const said = [];
  if (scan?.status === "failed") said.push(el("p", { class: "problem", text: `The scan failed: ${scan.failure ?? "the reason is in the server's log"}. Check that the folder is there and can be read, then scan again.` }));
  if (scan?.status === "completed") {
    const counts = [[scan.new_items, "new"], [scan.changed_items, "changed"], [scan.missing_items, "missing"], [scan.errors, "with problems"]].filter(([count]) => count > 0);
    said.push(el("small", { text: `${scan.scanned_files} files looked at${counts.length ? `: ${counts.map(([count, word]) => `${count} ${word}`).join(", ")}` : ", nothing new"}. ` }));
  }
  said.push(el("small", { text: library.last_scan ? `Last scan ${moment(Date.parse(library.last_scan))}.` : "Never scanned." }));
  box.replaceChildren(...said);
}

async function scan(library) {
  try {
    state.scans.set(library.id, await api(`/api/libraries/local/${library.id}/scan`, { method: "POST" }));
    drawScan(library);
    follow();
  } catch (problem) {
    toast(`${problem.message} ${problem.fix}`, "bad");
  }
}

function remove(library) {
  confirm(`Remove ${library.name}?`, "Its media leaves the channels. The files themselves are not touched.", async () => {
    await api(`/api/libraries/local/${library.id}`, { method: "DELETE" });
    toast(`${library.name} is removed.`);
    await loadLibraries();
    await loadMedia();
  });
}

function open() {
  const form = find("#library-form");
  form.reset();
  clearProblems(form);
  find("#library-dialog").showModal();
}

find("#new-library").addEventListener("click", open);
const lastPart = (path) => path.split("/").filter(Boolean).at(-1) ?? "";
find("#library-form").elements.path.addEventListener("input", (event) => {
  find("#library-form").elements.name.placeholder = lastPart(event.target.value);
});
find("#library-form").elements.library_type.addEventListener("change", kindOfLibrary);
function kindOfLibrary() {
  const form = find("#library-form");
  const live = form.elements.library_type.value === "live";
  find('[data-field="connections"]', form).hidden = !live;
  find('[data-field="path"] span', form).replaceChildren(...(live
    ? ["Playlist or address ", el("small", { text: "an M3U list by address or path, or the http, rtsp, srt or udp address of one broadcast" })]
    : ["Folder ", el("small", { text: "the whole path, such as /srv/films" })]));
  find("#library-lead").textContent = live
    ? "Broadcasts of somebody else, relayed while they are watched. Spare addresses have the same name in the playlist."
    : "A folder on the machine that runs this server. Nothing in it is changed.";
}
onSubmit(find("#library-form"), async (data) => {
  const path = data.get("path").trim();
  const name = data.get("name").trim() || lastPart(path);
  const connections = data.get("library_type") === "live" && data.get("connections") ? Number(data.get("connections")) : undefined;
  const added = await api("/api/libraries/local", { method: "POST", body: { path, name, library_type: data.get("library_type"), connections } });
  find("#library-dialog").close();
  toast(`${added.name} is added.`);
  await loadLibraries();
  await scan(added);
});

// The list

function query() {
  const wanted = new URLSearchParams({ paginated: "true", limit: PAGE, skip: state.skip });
  for (const [key, value] of new FormData(filters)) if (String(value).trim()) wanted.set(key, String(value).trim());
  return wanted;
}

async function loadMedia() {
  const turn = ++state.asked;
  try {
    const page = await api(`/api/media?${query()}`);
    if (turn === state.asked) drawMedia(page);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    if (turn === state.asked) sayProblem(place, problem, loadMedia);
  }
}

function drawMedia(page) {
  find("#total").textContent = page.total ? page.total.toLocaleString() : "";
  const pager = find("#pager");
  pager.hidden = page.total <= PAGE;
  if (page.total === 0) {
    const filtered = [...new FormData(filters)].some(([key, value]) => key !== "sort_by" && String(value).trim());
    if (filtered) say(place, "empty", "Nothing matches", "Search for fewer words, or take filters away.", el("button", { type: "button", onclick: () => { filters.reset(); changed(); }, text: "Show all" }));
    else say(place, "empty", "No media yet", "It appears here while a library is scanned.");
    return;
  }
  const head = el("li", { class: "row media-row header", "aria-hidden": "true" }, ...["Title", "Kind", "Length"].map((text) => el("span", { text })), el("span", { class: "streams", text: "Picture and sound" }), el("span", { class: "standing", text: "State" }));
  fill(place, el("ul", { class: "rows" }, head, ...page.items.map(item)));
  const from = page.skip + 1;
  const to = page.skip + page.items.length;
  pager.replaceChildren(
    el("button", { type: "button", disabled: page.skip === 0, onclick: () => turnTo(page.skip - PAGE) }, icon("left"), "Back"),
    el("span", { text: `${from.toLocaleString()}–${to.toLocaleString()} of ${page.total.toLocaleString()}` }),
    el("button", { type: "button", disabled: !page.has_more, onclick: () => turnTo(page.skip + PAGE) }, "On", icon("right")));
}

function item(media) {
  const [kind, picture] = STATES[media.state] ?? ["", "alert"];
  const where = [media.show_title, episode(media.season_number, media.episode_number, media.episode_end), media.year, media.edition].filter(Boolean).join(" · ");
  return el("li", { class: "row media-row", data: { media: media.id } },
    el("div", { class: "title" }, el("b", { text: media.title, title: media.url }), where ? el("div", { class: "number", text: where }) : null, media.state === "playable" ? null : el("div", { class: "path", text: media.url })),
    el("span", { text: KINDS[media.media_type] ?? media.media_type }),
    el("span", { text: media.duration === null ? "" : length(media.duration) }),
    el("span", { class: "streams", text: media.streams ?? "" }),
    el("div", { class: "standing" }, media.media_type === "live" ? el("button", { type: "button", class: "quiet", onclick: () => putOnAir(media), text: "Make a channel", "aria-label": `Make a channel of ${media.title}` }) : null, badge(kind, media.state, picture), media.reason ? el("div", { class: "why", text: media.until ? `${media.reason}; until ${moment(Date.parse(media.until))}` : media.reason }) : null));
}

/** A broadcast becomes a channel of its own, by way of a collection that holds just it. */
async function putOnAir(media) {
  try {
    const collection = await api("/api/collections", { method: "POST", body: { name: `${media.title} (broadcast ${media.id})`, selector: { type: "manual", media: [media.id] } } });
    const rules = { seed: 1, items: [{ collection: collection.id, order: "chronological", mode: { type: "flood" } }] };
    const channel = await api("/api/channels", { method: "POST", body: { name: media.title, group: "Live", rules } });
    toast(`${channel.name} is channel ${channel.number}.`);
  } catch (problem) {
    toast(problem.message);
  }
}

function turnTo(skip) {
  state.skip = Math.max(0, skip);
  loadMedia();
  find("#media-title").scrollIntoView({ block: "start" });
}

let typing = 0;
function changed() {
  state.skip = 0;
  loadMedia();
}
filters.addEventListener("submit", (event) => event.preventDefault());
filters.addEventListener("input", (event) => {
  clearTimeout(typing);
  typing = setTimeout(changed, event.target.type === "search" ? 220 : 0);
});

skeleton(shelf, 1);
skeleton(place, 6);
const asked = new URLSearchParams(location.search);
for (const [key, value] of asked) if (filters.elements[key]) filters.elements[key].value = value;
loadMedia();
every(10000, loadLibraries);
