// Slates: what channels show while they show no programme.
import { api, badge, confirm, el, fill, find, sayProblem, sentence, skeleton, toast, Problem } from "./app.js";

const place = find("#slates");
const picker = find("#slate-channel");
const chooser = find("#slate-file");
const WORDS = {
  starting: ["Getting ready", "Seen for moments, when someone tunes in before the programme is ready."],
  technical_difficulties: ["Technical difficulties", "The programme cannot be shown, or takes long."],
  no_programming: ["No programme", "The plan of the channel has a gap."],
  offline: ["Off the air", "The channel has no plan for this time."],
};
/** More than this the server hangs up on. */
const MOST = 32 * 1024 * 1024;
const state = { slates: [], channels: [], sending: null };

const base = () => (picker.value ? `/api/channels/${picker.value}/slates` : "/api/slates");
const nameOf = () => (picker.value ? picker.selectedOptions[0].text : "all channels");

async function load() {
  try {
    state.slates = await api(base());
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    sayProblem(place, problem, load);
    return;
  }
  const focused = document.activeElement?.dataset?.key;
  fill(place, ...state.slates.map(card));
  if (focused) find(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

function card(slate) {
  const [title, text] = WORDS[slate.kind];
  const key = (what) => ({ data: { key: `${what}-${slate.kind}` } });
  const what = slate.source === "drawn" ? badge("", "drawn by us") : badge("info", slate.own ? `your ${slate.source}` : `your ${slate.source} for all channels`);
  const size = slate.source === "drawn" ? "" : `${slate.width}×${slate.height}${slate.duration_seconds ? ` · ${slate.duration_seconds.toFixed(1)} s` : ""} · ${Math.ceil(slate.bytes / 1024)} KiB`;
  return el("article", { class: "slate", "aria-busy": state.sending === slate.kind ? "true" : undefined },
    el("img", { src: slate.image, alt: `${title}, as viewers see it`, width: 480, height: 270, loading: "lazy" }),
    el("h2", { text: title }),
    el("p", { text }),
    el("p", { class: "signs" }, what, size ? el("small", { text: size }) : null),
    el("div", { class: "spread" },
      el("button", { type: "button", ...key("set"), "aria-label": `Replace ${title} on ${nameOf()}`, onclick: () => choose(slate) }, "Replace…"),
      slate.own ? el("button", { type: "button", class: "quiet", ...key("reset"), "aria-label": `Reset ${title} on ${nameOf()}`, onclick: () => reset(slate, title) }, "Reset") : null));
}

function choose(slate) {
  state.sending = slate.kind;
  chooser.value = "";
  chooser.click();
}

chooser.addEventListener("cancel", () => { state.sending = null; });
chooser.addEventListener("change", async () => {
  const [file] = chooser.files;
  const kind = state.sending;
  if (!file || !kind) return;
  if (file.size > MOST) {
    toast(`${file.name} is larger than 32 MiB. Choose a smaller file.`, "bad");
    return;
  }
  try {
    await send(kind, file);
    toast(`${WORDS[kind][0]} is yours on ${nameOf()}.`);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    toast(`${sentence(problem.message)} ${sentence(problem.fix ?? "")}`, "bad");
  } finally {
    state.sending = null;
  }
  await load();
});

/** Sends the chosen file as it is; the server looks at its bytes. */
async function send(kind, file) {
  const response = await fetch(`${base()}/${kind}`, { method: "PUT", headers: { "Content-Type": "application/octet-stream" }, body: file });
  if (response.ok) return;
  const answer = await response.json().catch(() => ({}));
  throw new Problem(response.status, answer.detail ?? [{ msg: "the file was not taken", fix: "try another one", loc: ["body", "file"] }]);
}

function reset(slate, title) {
  confirm(`Reset ${title}?`, `${nameOf()[0].toUpperCase()}${nameOf().slice(1)}: your ${slate.source} is deleted, and what was shown before comes back.`, async () => {
    await api(`${base()}/${slate.kind}`, { method: "DELETE" });
    toast(`${title} is as it was.`);
    await load();
  }, "Reset");
}

function testAddress() {
  const profile = find("#test-profile").value;
  const name = profile ? `test-${encodeURIComponent(profile)}` : "test";
  find("#test-address").textContent = `${location.origin}/iptv/channel/${name}.ts`;
  find('a[href^="/player/test"]').href = `/player/${name}`;
}

picker.addEventListener("change", load);
find("#test-profile").addEventListener("change", testAddress);

async function begin() {
  skeleton(place, 4);
  testAddress();
  const [channels, profiles] = await Promise.all([api("/api/channels"), api("/api/ffmpeg-profiles")]).catch((problem) => {
    if (!(problem instanceof Problem)) throw problem;
    return [[], []];
  });
  picker.append(...channels.map(({ id, number, name }) => el("option", { value: id, text: `${number} ${name}` })));
  const wanted = new URLSearchParams(location.search).get("channel");
  if (wanted && channels.some(({ id }) => String(id) === wanted)) picker.value = wanted;
  find("#test-profile").append(...profiles.map(({ name }) => el("option", { value: name, text: name })));
  await load();
}
begin();
