// Sessions: who watches just now and how well, who watched before, and ending a stream.
import { api, badge, confirm, el, every, fill, find, icon, length, moment, say, sayProblem, skeleton, toast, Problem } from "./app.js";

const now = find("#now");
const past = find("#past");
const PAGE = 50;
const WAYS = { ts: "stream", hls: "HLS", hdhomerun: "HDHomeRun" };
/** Behind by more than this, a viewer is about to be moved to now. */
const LATE_MS = 3000;
const ENDS = {
  left: ["", "left"],
  stalled: ["warn", "took nothing any more"],
  slow: ["bad", "too slow"],
  idle: ["warn", "idle"],
  kicked: ["info", "ended by a person"],
  replaced: ["info", "tuned elsewhere"],
  channel_ended: ["", "channel ended"],
  server_stopped: ["", "server stopped"],
  lost: ["warn", "server died"],
};

const channel = (session) => (session.channel_name ? `${session.channel_number} ${session.channel_name}` : `Channel ${session.channel_id}, gone since`);
const times = (count, one, many) => `${count} ${count === 1 ? one : many}`;

function size(bytes) {
  if (bytes < 1e6) return `${Math.round(bytes / 1e3)} kB`;
  if (bytes < 1e9) return `${(bytes / 1e6).toFixed(1)} MB`;
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

const rate = (bps) => (bps < 1e6 ? `${Math.round(bps / 1e3)} kbit/s` : `${(bps / 1e6).toFixed(1)} Mbit/s`);

function who(session) {
  const from = session.user === session.address ? session.address : `${session.user} · ${session.address}`;
  return el("div", { class: "who" }, el("b", { text: session.client, title: session.user_agent }), el("small", { text: `${from} · ${WAYS[session.via] ?? session.via}` }));
}

async function loadNow() {
  let sessions;
  try {
    sessions = await api("/api/sessions");
  } catch (problem) {
    if (now.hasAttribute("aria-busy")) sayProblem(now, problem, loadNow);
    throw problem;
  }
  const bits = sessions.reduce((sum, session) => sum + session.bitrate_bps, 0);
  find("#total").textContent = sessions.length ? `${times(sessions.length, "viewer", "viewers")}${bits ? ` · ${rate(bits)}` : ""}` : "";
  if (sessions.length === 0) {
    say(now, "empty", "Nobody watches", "When a player tunes to a channel, it is listed here.");
    return;
  }
  const focused = document.activeElement?.dataset?.key;
  fill(now, el("div", { class: "rows" }, ...sessions.map((session) => {
    const since = (Date.now() - Date.parse(session.since)) / 1000;
    const facts = [`for ${length(Math.max(0, since))}`];
    // Segments belong to nobody, so of those who read them nothing else is known.
    if (session.via !== "hls") facts.push(...(session.bitrate_bps ? [rate(session.bitrate_bps)] : []), size(session.bytes));
    const signs = [];
    if (session.skips > 0) signs.push(badge("warn", `moved to now ${times(session.skips, "time", "times")}`, "alert"));
    if ((session.lag_ms ?? 0) > LATE_MS) signs.push(badge("bad", `${(session.lag_ms / 1000).toFixed(0)} s behind`, "alert"));
    return el("div", { class: "row session-row", data: { session: session.id } },
      who(session),
      el("div", { class: "what" }, el("span", { text: channel(session) }), el("small", { text: facts.join(" · ") })),
      el("div", { class: "signs" }, ...signs),
      el("div", { class: "do" }, el("button", { type: "button", class: "quiet", "aria-label": `End the stream of ${session.client} on ${channel(session)}`, data: { key: `end-${session.id}` }, onclick: () => end(session) }, icon("cross"), "End")));
  })));
  if (focused) find(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function end(session) {
  confirm("End this stream?", `${session.client} at ${session.address} watches ${channel(session)}. It is told nothing and may tune again.`, async () => {
    try {
      await api(`/api/sessions/${session.id}`, { method: "DELETE" });
      toast(`The stream of ${session.client} is ended.`);
    } catch (problem) {
      // It left by itself meanwhile, which is what was wanted.
      if (!(problem instanceof Problem) || problem.status !== 404) throw problem;
    }
    await loadNow();
  }, "End it");
}

async function loadPast(before) {
  let sessions;
  try {
    sessions = await api(`/api/sessions/history?limit=${PAGE}${before ? `&before=${before}` : ""}`);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    sayProblem(past, problem, () => loadPast(before));
    return;
  }
  const pager = find("#pager");
  const turn = (text, from) => el("button", { type: "button", onclick: () => loadPast(from) }, text);
  pager.hidden = !before && sessions.length < PAGE;
  pager.replaceChildren(before ? turn("Newest", null) : "", sessions.length === PAGE ? turn("Older", sessions[PAGE - 1].id) : "");
  if (sessions.length === 0) {
    say(past, "empty", before ? "Nothing older" : "No session has ended yet", "Sessions are written here a few seconds after they end, and kept as long as session_manager.history_days says.");
    return;
  }
  fill(past, el("div", { class: "rows" }, ...sessions.map((session) => {
    const [kind, why] = ENDS[session.ended_why] ?? ["", session.ended_why];
    const took = (Date.parse(session.ended_at) - Date.parse(session.since)) / 1000;
    const facts = [moment(Date.parse(session.since)), length(took)];
    if (session.bytes > 0) facts.push(size(session.bytes));
    if (session.skips > 0) facts.push(`moved to now ${times(session.skips, "time", "times")}`);
    return el("div", { class: "row session-row past" },
      who(session),
      el("div", { class: "what" }, el("span", { text: channel(session) }), el("small", { text: facts.join(" · ") })),
      el("div", { class: "signs" }, badge(kind, why)));
  })));
}

function show(history) {
  find("#view-past").setAttribute("aria-pressed", history);
  find("#view-now").setAttribute("aria-pressed", !history);
  find("#past-view").hidden = !history;
  find("#now-view").hidden = history;
  if (history) {
    skeleton(past, 4);
    loadPast(null);
  }
}

find("#view-past").addEventListener("click", () => show(true));
find("#view-now").addEventListener("click", () => show(false));
skeleton(now, 3);
every(2000, async () => {
  if (!find("#now-view").hidden) await loadNow();
});
