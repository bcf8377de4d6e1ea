// Collections: what channels choose from, and the form that makes and changes them.
import { api, clearProblems, confirm, el, fill, find, icon, onSubmit, say, sentence, toast } from "./app.js";
import { completeQueries } from "./query.js";

const KINDS = { movie: "films", episode: "episodes", music_video: "music videos", live: "broadcasts", other: "other media" };

/** What is in a collection, in words. */
export function wording(selector, { libraries, collections }) {
  const named = (id) => collections.find((other) => other.id === id)?.name ?? `collection ${id}`;
  switch (selector.type) {
    case "manual": return `${selector.media.length} chosen items`;
    case "query": return selector.query.trim() ? `search: ${selector.query}` : "everything";
    case "multi": return selector.collections.map(named).join(", then ") || "no collections yet";
    case "rerun": return `${selector.run === "first" ? "what was never on air" : "what was on air before"} of ${named(selector.collection)}`;
    case "list": return `a list of ${selector.entries.length} ${selector.entries.length === 1 ? "title" : "titles"}`;
    default: {
      const parts = [selector.kind ? KINDS[selector.kind] ?? selector.kind : "everything"];
      if (selector.show) parts.push(`of ${selector.show}`);
      if (selector.library !== null && selector.library !== undefined) parts.push(`in ${libraries.find((l) => l.id === selector.library)?.name ?? `library ${selector.library}`}`);
      if (selector.folder) parts.push(`below ${selector.folder}`);
      return parts.join(" ");
    }
  }
}

/** Binds the part of the page that shows collections; `load` reads `state` again, `made` is told of a new one. */
export function bindCollections(state, load, made) {
  const dialog = find("#collection-dialog");
  const form = find("#collection-form");
  const query = completeQueries(form.elements.query, find("#query-list"), find("#query-found"));
  let editing = null;

  function draw() {
    const list = find("#collections");
    if (state.collections.length === 0) {
      say(list, "empty", "No collections", "A collection says which media a channel may play. The first library brings some along.");
      return;
    }
    const users = (id) => state.channels.filter((channel) => channel.rules.items.some((item) => item.collection === id));
    const action = (collection, key, label, picture, work) => el("button", { type: "button", class: "quiet round", "aria-label": `${label} the collection ${collection.name}`, title: label, data: { key: `${key}-${collection.id}` }, onclick: work }, icon(picture));
    fill(list, el("ul", { class: "cards" }, ...state.collections.map((collection) => {
      const used = users(collection.id);
      const size = collection.item_count === null ? "" : `${collection.item_count.toLocaleString()} ${collection.item_count === 1 ? "item" : "items"} · `;
      return el("li", { class: "card", data: { collection: collection.id } }, el("header", {},
        el("div", { class: "grow" }, el("div", { class: "name", text: collection.name }), el("small", { class: "wrap", text: sentence(wording(collection.selector, state)) })),
        collection.selector.type === "manual" ? null : action(collection, "edit-collection", "Edit", "edit", () => open(collection)),
        action(collection, "collection", "Delete", "trash", () => remove(collection))),
      el("small", { text: `${size}${used.length ? `played by ${used.map((channel) => channel.name).join(", ")}` : "played by no channel"}` }));
    })));
  }

  function remove(collection) {
    confirm(`Delete the collection ${collection.name}?`, "The media stays.", async () => {
      await api(`/api/collections/${collection.id}`, { method: "DELETE" });
      toast(`${collection.name} is deleted.`);
      await load();
    });
  }

  /** Shows the fields of the chosen kind only. */
  function fit() {
    const what = form.elements.what.value;
    for (const field of form.querySelectorAll("[data-of]")) field.hidden = field.dataset.of !== what;
    query.close();
  }

  function open(collection = null) {
    editing = collection;
    form.reset();
    clearProblems(form);
    find("#collection-title").textContent = collection ? `Edit ${collection.name}` : "New collection";
    find("button.main", form).textContent = collection ? "Save" : "Create";
    const { elements } = form;
    elements.library.replaceChildren(el("option", { value: "", text: "all libraries" }), ...state.libraries.map((library) => el("option", { value: library.id, text: library.name })));
    const others = state.collections.filter((other) => other.id !== collection?.id);
    elements.collection.replaceChildren(...others.map((other) => el("option", { value: other.id, text: other.name })));
    const selector = collection?.selector ?? { type: "filter" };
    const members = new Set(selector.collections ?? []);
    find("#members").replaceChildren(...others.map((other) => el("label", { class: "check" }, el("input", { type: "checkbox", name: "member", value: other.id, checked: members.has(other.id) }), other.name)));
    elements.name.value = collection?.name ?? "";
    elements.what.value = selector.type;
    for (const key of ["library", "kind", "show", "folder", "query", "run", "collection"]) if (selector[key] !== undefined && selector[key] !== null) elements[key].value = selector[key];
    if (selector.type === "list") elements.text.value = selector.entries.map(entryLine).join("\n");
    find("#query-found").textContent = "";
    fit();
    dialog.showModal();
    elements.name.focus();
    if (selector.type === "query") query.ask();
  }

  /** What the form says; a list goes to the server as a text. */
  function chosen(data) {
    switch (data.get("what")) {
      case "query": return { type: "query", query: data.get("query").trim() };
      case "multi": {
        const before = editing?.selector.collections ?? [];
        const now = data.getAll("member").map(Number);
        // Those that stay keep their order.
        return { type: "multi", collections: [...before.filter((id) => now.includes(id)), ...now.filter((id) => !before.includes(id))] };
      }
      case "rerun": return { type: "rerun", collection: Number(data.get("collection")), run: data.get("run") };
      default: {
        const selector = { type: "filter" };
        if (data.get("library")) selector.library = Number(data.get("library"));
        for (const key of ["kind", "show", "folder"]) if (data.get(key).trim()) selector[key] = data.get(key).trim();
        return selector;
      }
    }
  }

  async function store(data) {
    const name = data.get("name").trim();
    if (data.get("what") === "list" && !editing) {
      const { collection, matched, unmatched } = await api("/api/collections/import", { method: "POST", body: { name, text: data.get("text") } });
      const lost = unmatched.map((line) => entryLine(line.entry));
      const told = lost.length ? ` Not in your libraries: ${lost.slice(0, 5).join(", ")}${lost.length > 5 ? ` and ${lost.length - 5} more` : ""}.` : "";
      toast(`${matched} of ${matched + lost.length} titles are in your libraries.${told}`, lost.length ? "bad" : "");
      return collection;
    }
    const body = { name };
    if (data.get("what") !== "list") body.selector = chosen(data);
    if (editing) return api(`/api/collections/${editing.id}`, { method: "PUT", body });
    return api("/api/collections", { method: "POST", body });
  }

  form.elements.what.addEventListener("change", fit);
  find("#new-collection").addEventListener("click", () => open());
  onSubmit(form, async (data) => {
    const wasNew = !editing;
    const saved = await store(data);
    dialog.close();
    toast(`${saved.name} is ${wasNew ? "made" : "saved"}.`);
    await load();
    if (wasNew) made(saved);
  });
  return { draw, open };
}

function entryLine(entry) {
  return entry.year ? `${entry.title} (${entry.year})` : entry.title || entry.imdb || `tmdb-${entry.tmdb ?? entry.tvdb}`;
}
