// Watermarks: small pictures over a channel's own.
import { api, clearProblems, confirm, el, fill, find, icon, onSubmit, say, sayProblem, skeleton, toast, Problem } from "./app.js";

const place = find("#watermarks");
const dialog = find("#watermark-dialog");
const form = find("#watermark-form");
const NUMBERS = ["width_percent", "horizontal_margin_percent", "vertical_margin_percent", "opacity", "frequency_minutes", "duration_seconds"];
const PLAIN = { name: "", location: "bottom_right", mode: "permanent", width_percent: 10, horizontal_margin_percent: 2, vertical_margin_percent: 2, opacity: 100, frequency_minutes: 15, duration_seconds: 10 };
const state = { watermarks: [], editing: null };

async function load() {
  try {
    state.watermarks = await api("/api/watermarks");
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    sayProblem(place, problem, load);
    return;
  }
  if (state.watermarks.length === 0) {
    say(place, "empty", "No watermarks yet", "Make one and give it to channels.");
    return;
  }
  fill(place, el("ul", { class: "rows" }, ...state.watermarks.map(row)));
}

function row(watermark) {
  const action = (label, picture, work) => el("button", { type: "button", class: "quiet round", "aria-label": `${label} ${watermark.name}`, title: label, onclick: work }, icon(picture));
  const seen = watermark.mode === "permanent" ? "always" : `${watermark.duration_seconds} s every ${watermark.frequency_minutes} min${watermark.mode === "fading" ? ", softly" : ""}`;
  const picture = watermark.image ? el("span", { class: "logo" }, el("img", { src: watermark.image, alt: "" })) : el("span", { class: "logo", "aria-hidden": "true", text: "–" });
  return el("li", { class: "row watermark-row" },
    picture,
    el("div", { class: "who" }, el("span", { class: "number", text: `${watermark.location.replace("_", " ")} · ${watermark.width_percent} % wide · ${watermark.opacity} %` }), el("b", { text: watermark.name })),
    el("div", { class: "what" }, el("span", { text: watermark.image ? `seen ${seen}` : "It has no picture yet, so nothing is drawn." })),
    el("div", { class: "do" }, action("Edit", "edit", () => open(watermark)), action("Delete", "trash", () => remove(watermark))));
}

function remove(watermark) {
  confirm(`Delete ${watermark.name}?`, "A watermark that a channel has cannot be deleted.", async () => {
    await api(`/api/watermarks/${watermark.id}`, { method: "DELETE" });
    toast(`${watermark.name} is deleted.`);
    await load();
  });
}

function open(watermark) {
  state.editing = watermark;
  clearProblems(form);
  form.reset();
  find("#watermark-title").textContent = watermark ? `Edit ${watermark.name}` : "New watermark";
  const from = watermark ?? PLAIN;
  for (const key of ["name", "location", "mode", ...NUMBERS]) form.elements[key].value = from[key];
  fit();
  dialog.showModal();
  form.elements.name.focus();
}

function fit() {
  const always = form.elements.mode.value === "permanent";
  form.elements.frequency_minutes.disabled = always;
  form.elements.duration_seconds.disabled = always;
}
form.elements.mode.addEventListener("change", fit);

/** Sends the chosen file as it is; the server looks at its bytes. */
async function sendImage(id, file) {
  const response = await fetch(`/api/watermarks/${id}/image`, { method: "POST", headers: { "Content-Type": "application/octet-stream" }, body: file });
  if (response.ok) return;
  const answer = await response.json();
  throw new Problem(response.status, answer.detail ?? [{ msg: "the picture was not taken", fix: "try another one", loc: ["body", "image"] }]);
}

onSubmit(form, async () => {
  const { elements } = form;
  const body = { name: elements.name.value.trim(), location: elements.location.value, mode: elements.mode.value };
  for (const key of NUMBERS) body[key] = Number(elements[key].value);
  const editing = state.editing;
  const saved = await api(editing ? `/api/watermarks/${editing.id}` : "/api/watermarks", { method: editing ? "PUT" : "POST", body });
  // Sent again, it must not be made twice.
  state.editing = saved;
  const [file] = elements.image.files;
  if (file) await sendImage(saved.id, file);
  dialog.close();
  toast(`${saved.name} is saved.`);
  await load();
});

find("#new-watermark").addEventListener("click", () => open(null));
skeleton(place, 2);
load();
