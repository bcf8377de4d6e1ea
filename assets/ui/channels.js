// Channels: what there is, and everything one can do with it.
import { api, badge, bar, between, clock, clearProblems, confirm, el, every, fill, find, icon, logo, onSubmit, say, sayProblem, skeleton, toast, Problem } from "./app.js";
import { bindCollections } from "./collections.js";

const place = find("#channels");
const dialog = find("#channel-dialog");
const form = find("#channel-form");
const state = { channels: [], collections: [], libraries: [], profiles: [], watermarks: [], editing: null, preparation: new Map(), making: [] };

async function load() {
  try {
    let preparation;
    [state.channels, state.collections, state.libraries, state.profiles, state.watermarks, preparation] = await Promise.all([api("/api/channels"), api("/api/collections"), api("/api/libraries"), api("/api/ffmpeg-profiles"), api("/api/watermarks"), api("/api/preparation")]);
    state.preparation = new Map(preparation.channels.map((ready) => [ready.channel_id, ready]));
    state.making = preparation.making;
  } catch (problem) {
    if (problem instanceof Problem && place.hasAttribute("aria-busy")) sayProblem(place, problem, load);
    throw problem;
  }
  draw();
}

function draw() {
  const focused = document.activeElement?.dataset?.key;
  collections.draw();
  if (state.channels.length === 0) {
    say(place, "empty", "No channels yet", "Add a library on the Media page and channels are made from it by themselves, or make one by hand.", el("button", { class: "main", type: "button", onclick: () => open(null), text: "New channel" }), el("a", { class: "button", href: "/media", text: "Add a library" }));
    return;
  }
  fill(place, el("ul", { class: "rows" }, ...state.channels.map(row)));
  if (focused) find(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function row(channel) {
  const on = channel.now;
  const from = on && Date.parse(on.start_time);
  const to = on && Date.parse(on.finish_time);
  const action = (key, label, picture, work) => el("button", { type: "button", class: "quiet round", "aria-label": `${label} ${channel.name}`, title: label, data: { key: `${key}-${channel.id}` }, onclick: work }, icon(picture));
  const watched = channel.viewers > 0 ? badge("info", `${channel.viewers} watching`, "eye") : null;
  return el("li", { class: `row channel-row ${channel.enabled ? "" : "off"}`, data: { channel: channel.id } },
    logo(channel),
    el("div", { class: "who" }, el("span", { class: "number", text: `${channel.number}${channel.group ? ` · ${channel.group}` : ""} · ${channel.profile}` }), el("b", { text: channel.name })),
    el("div", { class: "what" }, ...(channel.enabled
      ? on
        ? [el("span", { class: "cut", text: on.title }), bar((Date.now() - from) / (to - from), `How far ${on.title} is`), el("small", { class: "cut", text: `until ${between(from, to)[1]}${channel.next ? `, then ${channel.next.title}` : ""}` })]
        : [el("span", { text: "Nothing to play" }), el("small", { text: channel.rules.items.length ? "Its collections hold nothing playable." : "Edit it and choose a collection." })]
      : [el("span", { class: "number", text: "Switched off: players do not see it" })])),
    el("div", {}, watched, slate(channel), readiness(channel)),
    el("div", { class: "do" },
      el("label", { class: "switch", title: channel.enabled ? "Switch off" : "Switch on" }, el("input", { type: "checkbox", role: "switch", "aria-label": `Offer ${channel.name} to players`, checked: channel.enabled, data: { key: `on-${channel.id}` }, onchange: (event) => toggle(channel, event.target) })),
      el("a", { class: "button quiet round", href: `/player/${channel.number}`, "aria-label": `Watch ${channel.name}`, title: "Watch" }, icon("play")),
      action("edit", "Edit", "edit", () => open(channel)),
      action("restart", "Restart", "restart", () => restart(channel)),
      action("delete", "Delete", "trash", () => remove(channel))));
}

const CAUSES = {
  preparing: "is being prepared",
  preparing_slowly: "is being prepared, slower than it is shown",
  waiting: "is not ready",
  media_removed: "was removed from its library",
  media_missing: "is not where it was: the file is gone",
  media_unusable: "cannot be played",
  media_truncated: "ends too early",
  converter_failed: "could not be converted",
  not_stored: "found no room in the cache",
  source_lost: "cannot be had from its source",
  no_process: "could not be converted: the machine is full",
  nothing_to_play: "Nothing is planned for this time",
  not_planned: "The channel has no plan for this time",
};

/** Why viewers see a slate; they are not told. */
function slate(channel) {
  if (!channel.slate) return null;
  const { kind, cause, media, detail } = channel.slate;
  const about = CAUSES[cause] ?? cause;
  const text = `${channel.slate.media_id ? `${media ?? "The programme"} ${about}` : about}.${detail ? ` (${detail})` : ""}`;
  const mark = badge(kind === "starting" ? "info" : "warn", kind === "starting" ? "getting ready" : "shows a slate", "alert");
  return el("div", { class: "reason" }, mark, el("small", { text }));
}

// What of the next two hours can be shown at once.
function readiness(channel) {
  const ready = channel.enabled && state.preparation.get(channel.id);
  if (!ready || ready.planned_ms === 0) return null;
  const share = (ready.in_process_ms + ready.prepared_ms) / ready.planned_ms;
  const waits = state.making.find((making) => making.waiting_channel_ids.includes(channel.id));
  const parts = [`${Math.round(ready.in_process_ms / 60000)} min read from their own files`, `${Math.round(ready.prepared_ms / 60000)} min prepared`];
  if (ready.failed_ms > 0) parts.push(`${Math.round(ready.failed_ms / 60000)} min cannot be prepared`);
  if (waits) parts.push(`a viewer waits: made as far as ${Math.round(waits.done_ms / 60000)} min`);
  return el("small", { class: "number", title: `Next two hours: ${parts.join(", ")}`, text: waits ? "being made" : `${Math.floor(share * 100)} % ready` });
}

async function toggle(channel, box) {
  try {
    await api(`/api/channels/${channel.id}`, { method: "PUT", body: { enabled: box.checked } });
    toast(`${channel.name} is ${box.checked ? "on the air" : "switched off"}.`);
    await load();
  } catch (problem) {
    box.checked = !box.checked;
    toast(`${problem.message} ${problem.fix ?? ""}`, "bad");
  }
}

function remove(channel) {
  confirm(`Delete ${channel.number} ${channel.name}?`, "Its stream ends and players lose it. The media stays. A channel made anew is another channel to players.", async () => {
    await api(`/api/channels/${channel.id}`, { method: "DELETE" });
    toast(`${channel.name} is deleted.`);
    await load();
  });
}

// Editing

function open(channel) {
  state.editing = channel;
  form.reset();
  clearProblems(form);
  find("#channel-title").textContent = channel ? `Edit ${channel.name}` : "New channel";
  form.elements.number.value = channel?.number ?? "";
  form.elements.name.value = channel?.name ?? "";
  form.elements.group.value = channel?.group ?? "";
  form.elements.logo_url.value = channel?.logo_path ?? "";
  const profiles = form.elements.profile;
  profiles.replaceChildren(profiles.options[0], ...profileGroups());
  profiles.value = channel?.profile ?? "";
  const marks = form.elements.watermark_id;
  marks.replaceChildren(marks.options[0], ...state.watermarks.map(({ id, name }) => el("option", { value: id, text: name })));
  marks.value = channel?.watermark_id ?? "";
  profiles.options[0].hidden = channel !== null;
  form.elements.enabled.checked = channel?.enabled ?? true;
  const items = channel?.rules.items ?? (state.collections.length ? [{ collection: state.collections[0].id, order: "shuffle", mode: { type: "flood" } }] : []);
  find("#lines").replaceChildren();
  for (const item of items) addLine(item);
  noteLines();
  dialog.showModal();
  form.elements.name.focus();
}

/** The profiles to choose from, one's own first. */
function profileGroups() {
  const group = (label, builtin) => {
    const profiles = state.profiles.filter((profile) => profile.builtin === builtin);
    return profiles.length ? el("optgroup", { label }, ...profiles.map(({ name }) => el("option", { value: name, text: name }))) : null;
  };
  return [group("Yours", false), group("Built in", true)].filter(Boolean);
}

function select(label, options, value) {
  const box = el("select", { "aria-label": label }, ...options.map(([key, text]) => el("option", { value: key, text })));
  box.value = value;
  return box;
}

function addLine(item) {
  const collection = select("Collection", state.collections.map((c) => [String(c.id), c.name]), String(item.collection));
  const order = select("Order", [["shuffle", "shuffled"], ["season_episode", "by episode"], ["chronological", "by date"], ["listed", "as listed"]], item.order);
  const mode = select("How much", [["flood", "on and on"], ["one", "one item"], ["multiple", "several items"]], item.mode.type);
  const count = el("input", { type: "number", min: 1, max: 1000, value: item.mode.count ?? 2, "aria-label": "How many items" });
  const away = el("button", { type: "button", class: "quiet round", "aria-label": "Remove this line" }, icon("cross"));
  const line = el("div", { class: "line" }, collection, order, mode, count, away);
  const fit = () => { count.disabled = mode.value !== "multiple"; };
  mode.addEventListener("change", fit);
  away.addEventListener("click", () => {
    line.remove();
    noteLines();
    find("#add-line").focus();
  });
  fit();
  line.read = () => ({ collection: Number(collection.value), order: order.value, mode: mode.value === "multiple" ? { type: "multiple", count: Number(count.value) } : { type: mode.value } });
  find("#lines").append(line);
}

function noteLines() {
  const lines = find("#lines");
  find(".lead", lines)?.remove();
  if (lines.children.length > 0) return;
  const text = state.collections.length ? "Nothing yet: the channel shows “No programming” until you add a line." : "There is no collection to choose from yet. Make one first.";
  lines.append(el("p", { class: "lead", text }));
}

find("#new-channel").addEventListener("click", () => open(null));
find("#add-line").addEventListener("click", () => {
  if (state.collections.length === 0) return openCollection();
  find("#lines > .lead")?.remove();
  addLine({ collection: state.collections[0].id, order: "shuffle", mode: { type: "one" } });
  find("#lines > :last-child select").focus();
});
find("#line-collection").addEventListener("click", openCollection);

onSubmit(form, async (data) => {
  const channel = state.editing;
  const items = [...find("#lines").querySelectorAll(".line")].map((line) => line.read());
  const body = { name: data.get("name").trim(), group: data.get("group").trim(), logo_url: data.get("logo_url").trim(), enabled: data.get("enabled") === "on", rules: { seed: channel?.rules.seed ?? Math.floor(Math.random() * 2 ** 31), items } };
  const number = data.get("number").trim();
  if (number) body.number = number;
  const mark = data.get("watermark_id") ? Number(data.get("watermark_id")) : null;
  if (mark !== (channel?.watermark_id ?? null)) body.watermark_id = mark;
  if (data.get("profile")) body.profile = data.get("profile");
  if (!channel) {
    if (!body.group) delete body.group;
    if (!body.logo_url) delete body.logo_url;
  }
  const saved = await api(channel ? `/api/channels/${channel.id}` : "/api/channels", { method: channel ? "PUT" : "POST", body });
  dialog.close();
  toast(channel ? `${saved.name} is saved.` : `${saved.number} ${saved.name} is on the air.`);
  await load();
});

// Restarting

const restartDialog = find("#restart-dialog");
let restarting = null;

function restart(channel) {
  restarting = channel;
  find("#restart-title").textContent = `Restart ${channel.number} ${channel.name}?`;
  find("#restart-answer").replaceChildren(el("p", { class: "lead", text: "What is being made for the channel is thrown away and made again from where it is on air. Viewers may see the slate for a moment. The guard decides, and it is recorded." }));
  find("#restart-reason").hidden = true;
  find("#restart-form").reset();
  find("#restart-go").hidden = false;
  find("#restart-go").textContent = "Restart";
  restartDialog.showModal();
}

find("#restart-form").addEventListener("submit", async (event) => {
  event.preventDefault();
  const go = find("#restart-go");
  const answer = find("#restart-answer");
  const reason = event.target.elements.override_reason.value.trim();
  go.disabled = true;
  try {
    const done = await api(`/api/channels/${restarting.id}/restart`, { method: "POST", body: reason ? { override_reason: reason } : {} });
    answer.replaceChildren(el("p", {}, badge("good", "Permitted and done", "check")), el("p", { class: "lead", text: `The guard let it pass at ${clock(Date.parse(done.at), true)}.` }), el("details", {}, el("summary", { text: "What was done" }), el("pre", { text: JSON.stringify(done.result, null, 2) })));
    find("#restart-reason").hidden = true;
    go.hidden = true;
    load();
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    const checks = Array.isArray(problem.detail[0]?.limit) ? problem.detail[0].limit : [];
    answer.replaceChildren(
      el("p", {}, badge("bad", problem.kind === "denied" ? "The guard said no" : "It did not work", "cross")),
      el("p", { text: problem.message }),
      el("ul", { class: "checks" }, ...checks.map((check) => el("li", { class: check.passed ? "yes" : "no" }, icon(check.passed ? "check" : "cross"), el("span", {}, el("b", { text: check.check.replaceAll("_", " ") }), ` ${check.detail}`)))),
      problem.kind === "denied" ? "" : el("p", { class: "lead", text: problem.fix }));
    find("#restart-reason").hidden = problem.kind !== "denied";
    go.textContent = problem.kind === "denied" ? "Try again" : "Restart";
  } finally {
    go.disabled = false;
  }
});

// Collections

let forLine = false;
const collections = bindCollections(state, load, (made) => {
  if (!forLine || !dialog.open) return;
  forLine = false;
  find("#lines > .lead")?.remove();
  for (const box of find("#lines").querySelectorAll('select[aria-label="Collection"]')) box.append(el("option", { value: made.id, text: made.name }));
  addLine({ collection: made.id, order: "shuffle", mode: { type: "flood" } });
});
find("#new-collection").addEventListener("click", () => { forLine = false; });
function openCollection() {
  forLine = true;
  collections.open();
}

skeleton(place, 4);
every(15000, async () => {
  if (!document.querySelector("dialog[open]")) await load();
});
