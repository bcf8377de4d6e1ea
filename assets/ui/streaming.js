// Streaming: how media is made ready, who may watch, how viewers catch up. Four forms, one progress.
import { api, badge, bar, el, every, fill, find, onSubmit, sayProblem, skeleton, toast, Problem } from "./app.js";

const progress = find("#progress");
const FORMS = { preparing: "/api/settings/preparation", viewers: "/api/settings/sessions", throttler: "/api/settings/stream-throttler", buffers: "/api/settings/streaming" };
const STATES = { working: ["info", "working", "play"], stands_back: ["", "stands back for viewers", "pause"], full: ["warn", "no free room", "alert"], done: ["good", "all is ready", "check"] };

const gigabytes = (bytes) => `${(bytes / 1e9).toFixed(1)} GB`;
const many = (count, one, more) => `${count.toLocaleString()} ${count === 1 ? one : more}`;

async function load() {
  let view;
  try {
    view = await api("/api/preparation");
  } catch (problem) {
    if (problem instanceof Problem && progress.hasAttribute("aria-busy")) sayProblem(progress, problem, load);
    throw problem;
  }
  const rows = [];
  const part = view.cache_limit_bytes > 0 ? view.cache_bytes / view.cache_limit_bytes : 0;
  rows.push(el("li", { class: "row ready-row" }, el("b", { text: "Cache" }), bar(part, "How full the cache is"), el("span", { text: `${gigabytes(view.cache_bytes)} of ${gigabytes(view.cache_limit_bytes)}` })));
  const { library } = view;
  if (library) {
    const ready = library.in_process + library.prepared;
    const [kind, text, picture] = STATES[library.state] ?? ["", library.state, "minus"];
    const words = [`${many(ready, "item", "items")} of ${library.total.toLocaleString()} ready`];
    if (library.failed > 0) words.push(`${library.failed.toLocaleString()} cannot be prepared`);
    rows.push(el("li", { class: "row ready-row" }, el("b", { text: "Library" }), bar(library.total > 0 ? ready / library.total : 1, "How much of the library is ready"), el("span", { text: words.join(", ") }), el("div", {}, badge(kind, text, picture))));
  }
  const made = view.making.length;
  rows.push(el("li", { class: "row ready-row" }, el("b", { text: "Now" }), el("span", { class: "what", text: made === 0 ? "Nothing is being made." : `${many(made, "item is", "items are")} being made.` })));
  fill(progress, el("ul", { class: "rows" }, ...rows));
}

function show(form, values) {
  for (const [name, value] of Object.entries(values)) {
    const input = form.elements[name];
    if (!input) continue;
    if (input.type === "checkbox") input.checked = value;
    else input.value = value;
  }
}

for (const [name, address] of Object.entries(FORMS)) {
  const form = find(`#${name}-form`);
  api(address).then((values) => show(form, values)).catch((problem) => toast(`${problem.message} ${problem.fix ?? ""}`, "bad"));
  onSubmit(form, async () => {
    const body = {};
    for (const input of form.elements) {
      if (!input.name) continue;
      if (input.type === "checkbox") body[input.name] = input.checked;
      else if (input.type === "number") body[input.name] = input.value === "" ? null : Number(input.value);
      else body[input.name] = input.value;
    }
    await api(address, { method: "PUT", body });
    show(form, await api(address));
    toast("Saved and in force.");
    load();
  });
}

skeleton(progress, 2);
every(3000, load);
