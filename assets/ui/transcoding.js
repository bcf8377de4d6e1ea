// Transcoding: which encoders work and why not, where conforms run, and what is chosen.
import { api, badge, el, every, fill, find, moment, onSubmit, say, sayProblem, skeleton, toast, Problem } from "./app.js";

const ADDRESS = "/api/ffmpeg-profiles/hardware-acceleration";
const encoders = find("#encoders");
const runs = find("#runs");
const form = find("#settings-form");
const NAMES = { nvenc: "NVIDIA", qsv: "Intel Quick Sync", vaapi: "VA-API", videotoolbox: "Apple VideoToolbox", amf: "AMD AMF", v4l2m2m: "V4L2", software: "Software" };
const STATES = { works: ["good", "works", "check"], failed: ["bad", "failed its test", "cross"], no_device: ["", "no device", "minus"], not_built: ["", "not in this ffmpeg", "minus"], untested: ["warn", "not tested", "alert"], benched: ["bad", "failed in use", "alert"] };
const OUTCOMES = { done: ["good", "done", "check"], fallback: ["warn", "went on in software", "alert"], ended: ["", "ended", "minus"] };

async function load() {
  let view;
  try {
    view = await api(`${ADDRESS}/available`);
  } catch (problem) {
    if (problem instanceof Problem && encoders.hasAttribute("aria-busy")) {
      sayProblem(encoders, problem, load);
      runs.replaceChildren();
      runs.removeAttribute("aria-busy");
    }
    throw problem;
  }
  find("#version").textContent = view.ffmpeg_version ? `ffmpeg ${view.ffmpeg_version}` : "";
  find("#test").disabled = view.testing;
  drawEncoders(view);
  drawRuns(view);
}

const times = (speed) => (speed === null ? "" : `${speed < 10 ? speed.toFixed(1) : Math.round(speed)} × real time`);

function drawEncoders(view) {
  if (view.encoders.length === 0) {
    say(encoders, "empty", view.testing ? "The encoders are being tested" : "Nothing was tested yet", "Until then everything is encoded in software.");
    return;
  }
  // A kind that is not there is said once, not for every codec.
  const absent = (encoder) => encoder.codec === "hevc" && ["no_device", "not_built"].includes(encoder.state) && encoder.kind !== "software";
  fill(encoders, el("ul", { class: "rows" }, ...view.encoders.filter((encoder) => !absent(encoder)).map((encoder) => {
    const [kind, text, picture] = STATES[encoder.state] ?? ["", encoder.state, "alert"];
    const words = [encoder.reason, encoder.fix].filter(Boolean).map((part) => `${part[0].toUpperCase()}${part.slice(1)}.`).join(" ");
    return el("li", { class: "row encoder-row", data: { kind: encoder.kind } },
      el("div", { class: "who" }, el("b", { text: `${NAMES[encoder.kind] ?? encoder.kind}${encoder.codec === "hevc" ? ", HEVC" : ""}` }), el("span", { class: "number", text: [encoder.encoder, encoder.device].filter(Boolean).join(" · ") })),
      el("div", {}, badge(kind, text, picture), view.in_use === encoder.kind && encoder.codec === "h264" ? badge("info", "in use", "play") : null),
      el("span", { class: "number", text: times(encoder.speed) }),
      el("div", { class: "what" }, words ? el("span", { text: words }) : null, encoder.said ? el("span", { class: "path", text: encoder.said }) : null));
  })));
}

const place = (word) => (word === "none" ? "copied" : word === "cpu" ? "software" : NAMES[word] ?? word);

function drawRuns(view) {
  if (view.runs.length === 0) {
    say(runs, "empty", "Nothing was conformed since the start", "Channels that are on air soon appear here while they are prepared.");
    return;
  }
  const head = el("li", { class: "row run-row header", "aria-hidden": "true" }, ...["Media", "Decode", "Filter", "Encode", "Speed", "State"].map((text) => el("span", { text })));
  fill(runs, el("ul", { class: "rows" }, head, ...view.runs.map((run) => {
    const [kind, text, picture] = run.outcome ? OUTCOMES[run.outcome] ?? ["", run.outcome, "minus"] : ["info", "running", "play"];
    const step = (name, word) => el("span", {}, el("span", { class: "hidden", text: `${name}: ` }), place(word));
    return el("li", { class: "row run-row" },
      el("div", { class: "who" }, el("b", { text: run.title }), el("span", { class: "number", text: `${run.profile} · ${run.channel_id === null ? "ahead" : "for viewers"} · ${moment(Date.parse(run.began_at))}` })),
      step("decode", run.decode), step("filter", run.filter), step("encode", run.encode),
      el("span", { text: times(run.speed) }),
      el("div", {}, badge(kind, text, picture)));
  })));
}

find("#test").addEventListener("click", async (event) => {
  event.currentTarget.disabled = true;
  try {
    await api(`${ADDRESS}/test`, { method: "POST" });
    toast("The encoders are being tested.");
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    toast(`${problem.message} ${problem.fix}`, "bad");
  }
  load();
});

async function loadSettings() {
  const settings = await api("/api/settings/ffmpeg");
  for (const name of ["hwaccel", "hwaccel_device", "threads", "log_level", "extra_flags", "ffmpeg_path", "ffprobe_path"]) form.elements[name].value = settings[name] ?? "";
}

onSubmit(form, async (data) => {
  const answer = await api("/api/settings/ffmpeg", { method: "PUT", body: { ...Object.fromEntries(data), threads: Number(data.get("threads")) } });
  toast(answer.message);
  await Promise.all([load(), loadSettings()]);
});

skeleton(encoders, 4);
skeleton(runs, 3);
loadSettings().catch((problem) => toast(`${problem.message} ${problem.fix ?? ""}`, "bad"));
every(3000, load);
