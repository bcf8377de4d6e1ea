// Profiles: what media is prepared as. Built-in ones are shown and can be cloned.
import { api, badge, clearProblems, confirm, el, fill, find, icon, onSubmit, say, sayProblem, skeleton, toast, Problem } from "./app.js";

const place = find("#profiles");
const builtin = find("#builtin");
const dialog = find("#profile-dialog");
const form = find("#profile-form");
const state = { profiles: [], channels: [], editing: null };
const CODECS = { h264: "", hevc: "HEVC", aac: "", ac3: "AC-3" };
// What is usual, in kbit/s: a new choice brings its own.
const SOUND_RATES = { aac: { 2: 160, 6: 384 }, ac3: { 2: 192, 6: 448 } };
const SHAPES = { pad: "bars", crop: "cropped to fill", stretch: "stretched to fill" };

async function load() {
  try {
    [state.profiles, state.channels] = await Promise.all([api("/api/ffmpeg-profiles"), api("/api/channels")]);
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    builtin.replaceChildren();
    builtin.removeAttribute("aria-busy");
    sayProblem(place, problem, load);
    return;
  }
  const focused = document.activeElement?.dataset?.key;
  const near = (profile) => !profile.builtin || profile.is_default || profile.channels.length > 0;
  const first = state.profiles.filter(near);
  if (first.length) fill(place, el("ul", { class: "rows" }, ...first.map(row)));
  else say(place, "empty", "No channel uses a profile yet", "Channels that name none get the default one.");
  fill(builtin, el("ul", { class: "rows" }, ...state.profiles.filter((profile) => !near(profile)).map(row)));
  if (focused) find(`[data-key="${CSS.escape(focused)}"]`)?.focus();
}

/** What a profile does, in a line. */
function traits(profile) {
  const { mode, choice, languages } = profile.subtitles;
  const which = choice === "language" ? languages.join(", ") : choice;
  const coding = [CODECS[profile.video_format], CODECS[profile.audio_format], profile.audio_channels === 6 ? "5.1" : ""];
  return [
    coding.filter(Boolean).join(" "),
    profile.loudness_target === null ? "loudness as it is" : `${profile.loudness_target} LUFS`,
    SHAPES[profile.scaling_behavior],
    profile.audio_languages.length ? `sound in ${profile.audio_languages.join(", ")}` : "",
    mode === "none" ? "" : `${which} subtitles ${mode === "burn" ? "in the picture" : "beside it"}`,
    profile.copy_video ? "" : "always encoded",
  ].filter(Boolean).join(" · ");
}

function row(profile) {
  const action = (key, label, picture, work) => el("button", { type: "button", class: "quiet round", "aria-label": `${label} ${profile.name}`, title: label, data: { key: `${key}-${profile.id}` }, onclick: work }, icon(picture));
  const users = state.channels.filter((channel) => profile.channels.includes(channel.id));
  const used = users.length === 0 ? "" : users.length > 4 ? `${users.length} channels` : `channel${users.length > 1 ? "s" : ""} ${users.map((channel) => channel.number).join(", ")}`;
  return el("li", { class: "row profile-row", data: { profile: profile.id } },
    el("div", { class: "who" }, el("span", { class: "number", text: `${profile.width}×${profile.height} · ${profile.framerate} fps · ${profile.video_bitrate} kbit/s` }), el("b", { text: profile.name })),
    el("div", { class: "what" }, el("span", { class: "cut", text: traits(profile) }), used ? el("small", { class: "cut", text: used }) : null),
    el("div", { class: "spread" }, profile.is_default ? badge("good", "default", "check") : null, profile.builtin ? badge("info", "built in") : null),
    el("div", { class: "do" },
      profile.is_default ? null : action("default", "Make default", "check", () => makeDefault(profile)),
      action("clone", "Clone", "copy", () => open(profile, true)),
      profile.builtin ? null : action("edit", "Edit", "edit", () => open(profile, false)),
      profile.builtin ? null : action("delete", "Delete", "trash", () => remove(profile))));
}

async function makeDefault(profile) {
  try {
    await api(`/api/ffmpeg-profiles/${profile.id}/set-default`, { method: "POST" });
    toast(`New channels get ${profile.name}.`);
    await load();
  } catch (problem) {
    toast(`${problem.message} ${problem.fix ?? ""}`, "bad");
  }
}

function remove(profile) {
  confirm(`Delete ${profile.name}?`, "What was prepared with it goes when the room is needed.", async () => {
    await api(`/api/ffmpeg-profiles/${profile.id}`, { method: "DELETE" });
    toast(`${profile.name} is deleted.`);
    await load();
  });
}

/** A name that is free: `720p25 copy`, `720p25 copy 2`. */
function copyName(name) {
  const taken = new Set(state.profiles.map((profile) => profile.name.toLowerCase()));
  for (let count = 1; ; count += 1) {
    const wanted = `${name} copy${count > 1 ? ` ${count}` : ""}`;
    if (!taken.has(wanted.toLowerCase())) return wanted;
  }
}

function open(profile, clone) {
  const from = profile ?? state.profiles.find((known) => known.name === "720p25") ?? state.profiles[0];
  if (!from) return;
  state.editing = profile && !clone ? profile : null;
  clearProblems(form);
  form.reset();
  find("#profile-title").textContent = state.editing ? `Edit ${profile.name}` : clone ? `Clone ${profile.name}` : "New profile";
  const { elements } = form;
  elements.name.value = state.editing ? profile.name : clone ? copyName(profile.name) : "";
  for (const key of ["width", "height", "framerate", "video_format", "video_preset", "video_bitrate", "video_buffer_size", "scaling_behavior", "deinterlace", "audio_format", "audio_channels", "audio_bitrate", "hls_format"]) elements[key].value = from[key];
  elements.loudness_target.value = from.loudness_target ?? "";
  elements.audio_languages.value = from.audio_languages.join(", ");
  elements.audio_renditions.value = from.audio_renditions.join(", ");
  for (const key of ["tone_map", "copy_video", "copy_audio"]) elements[key].checked = from[key];
  elements.subtitle_mode.value = from.subtitles.mode;
  elements.subtitle_choice.value = from.subtitles.choice;
  elements.subtitle_languages.value = from.subtitles.languages.join(", ");
  fit();
  recode();
  find("#profile-note").textContent = state.editing && profile.channels.length ? "Channels that use it go over to it at their next item. Viewers stay, unless size, frames a second, codecs or channels change." : "";
  dialog.showModal();
  elements.name.focus();
}

function fit() {
  const { elements } = form;
  const off = elements.subtitle_mode.value === "none";
  elements.subtitle_choice.disabled = off;
  elements.subtitle_languages.disabled = off;
}
form.elements.subtitle_mode.addEventListener("change", fit);

/** The usual rate for a new choice of codec or channels, and what that choice costs. */
function recode(event) {
  const { audio_format: codec, audio_channels: channels, audio_bitrate: rate, video_format: video } = form.elements;
  if (event) rate.value = SOUND_RATES[codec.value][channels.value];
  const lost = [video.value === "hevc" ? "HEVC" : "", codec.value === "ac3" ? "AC-3" : ""].filter(Boolean);
  find("#codec-note").textContent = lost.length ? `Many browsers do not play ${lost.join(" and ")}: the player page says so there. Players and receivers that know it get it as it is.` : "";
}
for (const name of ["audio_format", "audio_channels"]) form.elements[name].addEventListener("change", recode);
form.elements.video_format.addEventListener("change", () => recode());

const codes = (text) => text.split(/[\s,;]+/).filter(Boolean);
const number = (text) => (text === "" ? null : Number(text));

onSubmit(form, async () => {
  const { elements } = form;
  const body = {
    name: elements.name.value.trim(),
    framerate: elements.framerate.value,
    loudness_target: number(elements.loudness_target.value),
    audio_languages: codes(elements.audio_languages.value),
    audio_renditions: codes(elements.audio_renditions.value),
    subtitles: { mode: elements.subtitle_mode.value, choice: elements.subtitle_choice.value, languages: codes(elements.subtitle_languages.value) },
  };
  for (const key of ["width", "height", "video_bitrate", "video_buffer_size", "audio_channels", "audio_bitrate"]) body[key] = Number(elements[key].value);
  for (const key of ["video_format", "video_preset", "audio_format", "scaling_behavior", "deinterlace", "hls_format"]) body[key] = elements[key].value;
  for (const key of ["tone_map", "copy_video", "copy_audio"]) body[key] = elements[key].checked;
  const editing = state.editing;
  const saved = await api(editing ? `/api/ffmpeg-profiles/${editing.id}` : "/api/ffmpeg-profiles", { method: editing ? "PUT" : "POST", body });
  dialog.close();
  toast(`${saved.name} is saved.`);
  await load();
});

find("#new-profile").addEventListener("click", () => open(null, false));
skeleton(place, 3);
skeleton(builtin, 6);
load();
