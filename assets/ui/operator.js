// The operator: every fault with its story, trigger to verdict, and the whole record behind it.
import { api, badge, el, every, fill, find, icon, length, moment, say, sayProblem, sentence, skeleton, Problem } from "./app.js";

const list = find("#incidents");
const detail = find("#detail");
const state = { incidents: [], channels: new Map(), media: new Map(), chosen: null, seen: "", logFrom: null };

const STATES = { open: ["bad", "going on"], escalated: ["warn", "handed to a person"], resolved: ["good", "over"] };
const FINDINGS = {
  fixed: ["good", "Fixed", "It is well again and stayed so."],
  self_healed: ["good", "Healed by itself", "It was well before the action could have had an effect."],
  partial: ["warn", "Partly fixed", "Better, but not well all the time."],
  inconclusive: ["warn", "Inconclusive", "It could not be measured."],
  not_fixed: ["bad", "Not fixed", "No better than before."],
  worse: ["bad", "Worse", "Worse than before, here or on a neighbour."],
};
const TOOLS = { restart_channel: "Restart the channel", skip_item: "Skip the item", escalate: "Hand it to a person", no_op: "Do nothing" };

const words = (code) => String(code ?? "").replaceAll("_", " ");
const percent = (part) => (typeof part === "number" ? `${Math.round(part * 100)} %` : "");

function subject(incident) {
  if (incident.subject === "channel") return state.channels.get(incident.subject_id) ?? `channel ${incident.subject_id}, deleted since`;
  if (incident.subject === "media") return state.media.get(incident.subject_id) ?? `media ${incident.subject_id}`;
  return "this machine";
}

async function loadNames(incidents) {
  const channels = await api("/api/channels");
  state.channels = new Map(channels.map((channel) => [channel.id, `${channel.number} ${channel.name}`]));
  const wanted = new Set(incidents.flatMap((incident) => [incident.media_id, incident.subject === "media" ? incident.subject_id : null]).filter((id) => id !== null && !state.media.has(id)));
  await Promise.all([...wanted].slice(0, 20).map(async (id) => {
    try {
      state.media.set(id, (await api(`/api/media/${id}`)).title);
    } catch (problem) {
      if (!(problem instanceof Problem) || problem.status === 0) throw problem;
      state.media.set(id, `media ${id}, which is gone`);
    }
  }));
}

// Incidents

async function loadIncidents() {
  const wanted = find("#state").value;
  let incidents;
  try {
    incidents = await api(`/api/agent/incidents?limit=200${wanted ? `&state=${wanted}` : ""}`);
    await loadNames(incidents);
  } catch (problem) {
    if (list.hasAttribute("aria-busy")) sayProblem(list, problem, loadIncidents);
    throw problem;
  }
  state.incidents = incidents;
  const known = incidents.some((incident) => incident.id === state.chosen);
  if (!known) state.chosen = incidents[0]?.id ?? null;
  drawIncidents();
  await loadDetail();
}

function drawIncidents() {
  find("#incidents-view").classList.toggle("alone", state.incidents.length === 0);
  if (state.incidents.length === 0) {
    const filtered = find("#state").value !== "";
    say(list, "empty", filtered ? "None of these" : "No incidents", filtered ? "Choose another state to see more." : "Nothing has gone wrong. When something does, it is listed here with what was done about it.");
    detail.replaceChildren();
    return;
  }
  const focused = list.contains(document.activeElement) ? document.activeElement.dataset.incident : null;
  fill(list, ...state.incidents.map((incident) => {
    const [kind, text] = STATES[incident.state] ?? ["", incident.state];
    return el("button", { type: "button", class: "incident", "aria-current": incident.id === state.chosen ? "true" : undefined, data: { incident: incident.id }, onclick: () => choose(incident.id) },
      el("span", { class: "top-line" }, el("small", { text: `${incident.id} · ${moment(Date.parse(incident.opened_at))}` }), badge(kind, text)),
      el("b", { text: subject(incident) }),
      el("span", { text: incident.meaning }),
      el("small", { text: `${incident.cause}${incident.count > 1 ? ` · seen ${incident.count} times` : ""}${incident.reopened ? ` · came back ${incident.reopened}×` : ""}` }));
  }));
  if (focused) find(`[data-incident="${focused}"]`, list)?.focus();
}

async function choose(id) {
  state.chosen = id;
  history.replaceState(null, "", `#incident-${id}`);
  drawIncidents();
  await loadDetail();
  if (matchMedia("(max-width: 760px)").matches) {
    detail.focus({ preventScroll: true });
    detail.scrollIntoView({ block: "start" });
  }
}

async function loadDetail() {
  if (state.chosen === null) return;
  const id = state.chosen;
  try {
    const file = await api(`/api/agent/incidents/${id}`);
    if (id !== state.chosen) return;
    // Drawn anew only when something was added, so that an opened record stays open.
    const seen = JSON.stringify([file.incident, file.records.length]);
    if (seen === state.seen) return;
    state.seen = seen;
    drawDetail(file);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    state.seen = "";
    sayProblem(detail, problem, loadDetail);
  }
}

function drawDetail({ incident, records }) {
  const [kind, text] = STATES[incident.state] ?? ["", incident.state];
  const verdict = records.findLast((record) => record.kind === "verdict");
  const found = verdict && FINDINGS[verdict.body.finding];
  const took = incident.resolved_at ? (Date.parse(incident.resolved_at) - Date.parse(incident.opened_at)) / 1000 : null;
  const about = [["What", incident.cause], ["About", subject(incident)]];
  if (incident.media_id !== null && incident.subject !== "media") about.push(["Media", state.media.get(incident.media_id) ?? `media ${incident.media_id}`]);
  about.push(["First seen", moment(Date.parse(incident.opened_at), true)], ["Last seen", moment(Date.parse(incident.last_at), true)]);
  if (took !== null) about.push(["Over after", length(took)]);
  fill(detail,
    el("header", {}, el("div", { class: "spread" }, badge(kind, text), found ? badge(found[0], `Verdict: ${found[1]}`, found[0] === "good" ? "check" : found[0] === "bad" ? "cross" : "alert") : null),
      el("h2", { text: incident.meaning }), el("p", { text: sentence(incident.summary) }),
      el("dl", { class: "facts" }, ...about.flatMap(([name, value]) => [el("dt", { text: name }), el("dd", { text: value })]))),
    records.length ? el("ol", { class: "timeline" }, ...records.map(step)) : el("p", { class: "lead", text: "Nothing was decided about it yet." }));
}

/** What a record says, in words: [colour, icon, title, text, badges, more]. */
function reading(record) {
  const body = record.body ?? {};
  const action = (value) => {
    if (!value) return "nothing";
    const target = value.media ? ` (${state.media.get(value.media) ?? `media ${value.media}`})` : "";
    return `${TOOLS[value.tool] ?? words(value.tool)}${target}`;
  };
  const checks = (all) => Array.isArray(all) && all.length ? el("details", {}, el("summary", { text: `${all.filter((check) => check.passed).length} of ${all.length} guard checks passed` }), el("ul", { class: "checks" }, ...all.map((check) => el("li", { class: check.passed ? "yes" : "no" }, icon(check.passed ? "check" : "cross"), el("span", {}, el("b", { text: words(check.check) }), ` ${check.detail ?? ""}`))))) : null;
  const open = (part) => {
    if (part) part.open = true;
    return part;
  };
  switch (record.kind) {
    case "envelope": {
      const evidence = body.evidence ?? [];
      const kinds = [...new Set(evidence.map((seen) => words(seen.kind)))];
      const causes = (body.candidates ?? []).map((cause) => `${cause.cause} ${percent(cause.score ?? cause.confidence)}`.trim());
      return ["info", "eye", (body.step ?? 1) > 1 ? "Looked again" : "Trigger", `${evidence.length} ${evidence.length === 1 ? "piece" : "pieces"} of evidence${kinds.length ? `: ${kinds.join(", ")}` : ""}.`, causes.slice(0, 3).map((cause) => badge("", cause)), null];
    }
    case "plan": {
      const chosen = body.chosen?.action ? action(body.chosen.action) : body.chosen?.observe ? `Look closer: ${words(body.chosen.observe.query)}` : "nothing";
      const why = Array.isArray(body.why) ? body.why.map((reason) => (typeof reason === "string" ? reason : JSON.stringify(reason))).join("; ") : body.why ?? "";
      return ["info", "operator", "Plan", [sentence(chosen), why && sentence(typeof why === "string" ? why : JSON.stringify(why))].filter(Boolean).join(" "), [badge("", `${body.cause ?? ""} ${percent(body.confidence)}`.trim())], null];
    }
    case "denied": {
      const approval = body.reason?.needs_approval;
      const why = approval ?? body.reason?.denied ?? body.reason ?? "";
      return [approval ? "warn" : "bad", approval ? "shield" : "cross", approval ? "Guard: a person must agree" : "Guard: denied", `${action(body.action)}. ${sentence(typeof why === "string" ? words(why) : JSON.stringify(why))}`, [], open(checks(body.checks))];
    }
    case "intent":
      return ["info", "shield", "Guard: permitted", `${action(body.action)}. Written down before it is done.${body.override_reason ? ` Overridden because: ${sentence(body.override_reason)}` : ""}`, body.override_reason ? [badge("warn", "override")] : [], checks(body.checks)];
    case "outcome": {
      const done = body.outcome === "done" || body.outcome === "ok";
      return [done ? "good" : body.outcome === "failed" ? "bad" : "warn", done ? "check" : "alert", "Outcome", `${TOOLS[body.tool] ?? words(body.tool)}: ${words(body.outcome)}${typeof body.took_ms === "number" ? ` after ${body.took_ms < 1000 ? `${body.took_ms} ms` : length(body.took_ms / 1000)}` : ""}.${body.detail?.reason ? ` ${sentence(body.detail.reason)}` : ""}`, [], null];
    }
    case "verdict": {
      const [kind, title, text] = FINDINGS[body.finding] ?? ["warn", words(body.finding), ""];
      const after = typeof body.healthy_after_ms === "number" ? ` Well after ${(body.healthy_after_ms / 1000).toFixed(1)} s.` : "";
      return [kind, kind === "good" ? "check" : kind === "bad" ? "cross" : "alert", `Verdict: ${title}`, text + after, [], null];
    }
    case "escalated":
      return ["warn", "alert", "Handed to a person", sentence(body.why ?? ""), [], null];
    case "change":
      return ["info", "edit", "Change", sentence(words(body.what)) + (body.channel ? ` ${state.channels.get(body.channel) ?? `Channel ${body.channel}`}.` : ""), [], null];
    case "containment":
      return [body.contained ? "bad" : "good", "shield", body.contained ? "Containment began" : "Containment ended", [body.reasons].flat().filter(Boolean).map((reason) => sentence(typeof reason === "string" ? words(reason) : JSON.stringify(reason))).join(" "), [], null];
    default:
      return ["", "eye", sentence(words(record.kind)), "", [], null];
  }
}

function step(record) {
  const [kind, picture, title, text, badges, more] = reading(record);
  const raw = el("details", {}, el("summary", { text: `Record ${record.seq}` }));
  raw.addEventListener("toggle", () => raw.children.length === 1 && raw.append(el("pre", { tabindex: "0", text: JSON.stringify(record, null, 2) })), { once: true });
  return el("li", { class: `step ${kind}`, data: { kind: record.kind, seq: record.seq } },
    el("span", { class: "dot" }, icon(picture)),
    el("div", { class: "body" },
      el("div", { class: "line-one" }, el("h3", { text: title }), ...badges, el("span", { class: "by", text: `${record.actor.replace("person:", "")} · ${moment(Date.parse(record.at), true)}` })),
      text ? el("p", { class: "why", text }) : null, more, raw));
}

// The whole record

async function loadLog() {
  const place = find("#log");
  try {
    const chain = await loadChain();
    const count = 100;
    const before = state.logFrom ?? chain.records;
    const after = Math.max(0, before - count);
    const records = await api(`/api/agent/audit?after_seq=${after}&limit=${count}`);
    const shown = records.filter((record) => record.seq <= before).reverse();
    if (shown.length === 0) {
      say(place, "empty", "Nothing recorded yet", "Every decision and every change by a person is written here, each record sealed to the one before.");
      return;
    }
    fill(place, el("ol", { class: "timeline" }, ...shown.map(step)));
    const pager = find("#log-pager");
    pager.hidden = chain.records <= count;
    pager.replaceChildren(
      el("button", { type: "button", disabled: before >= chain.records, onclick: () => { state.logFrom = Math.min(chain.records, before + count); loadLog(); } }, icon("left"), "Newer"),
      el("span", { text: `${after + 1}–${before} of ${chain.records}` }),
      el("button", { type: "button", disabled: after === 0, onclick: () => { state.logFrom = after; loadLog(); } }, "Older", icon("right")));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    sayProblem(place, problem, loadLog);
  }
}

/** What is wrong with the chain, in words: `edited at record 4`. */
function wording(fault) {
  const at = fault?.seq ?? fault?.have;
  return `${words(fault?.fault ?? "broken")}${at === undefined ? "" : ` at record ${at}`}`;
}

async function loadChain() {
  const chain = await api("/api/agent/audit/verify");
  const records = `${chain.records.toLocaleString()} ${chain.records === 1 ? "record" : "records"}`;
  find("#chain").replaceChildren(chain.ok ? badge("good", "Chain intact", "shield") : badge("bad", "Chain broken", "alert"), el("small", { text: records, title: `Head ${chain.head}` }));
  if (!chain.ok) find("#chain").append(el("small", { text: wording(chain.fault) }));
  return chain;
}

function show(log) {
  find("#view-log").setAttribute("aria-pressed", log);
  find("#view-incidents").setAttribute("aria-pressed", !log);
  find("#log-view").hidden = !log;
  find("#incidents-view").hidden = log;
  if (log) {
    skeleton(find("#log"), 5);
    state.logFrom = null;
    loadLog();
  }
}

find("#view-log").addEventListener("click", () => show(true));
find("#view-incidents").addEventListener("click", () => show(false));
find("#state").addEventListener("change", () => {
  skeleton(list, 3);
  loadIncidents();
});

const asked = location.hash.match(/^#incident-(\d+)$/);
if (asked) state.chosen = Number(asked[1]);
skeleton(list, 3);
every(4000, async () => {
  if (!find("#incidents-view").hidden) await loadIncidents();
});
every(15000, loadChain);
