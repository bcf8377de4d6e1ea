// A field for queries: offers what may be written, and says what the query finds so far.
import { api, el, sentence, Problem } from "./app.js";

/** Turns a text field into one that completes queries; `found` is where the answer is told. */
export function completeQueries(input, list, found) {
  let asked = 0;
  let timer = 0;
  let offer = null;
  let active = -1;

  const letters = (text) => [...text];
  // The server counts letters, the field counts UTF-16 units.
  const cursor = () => letters(input.value.slice(0, input.selectionStart ?? input.value.length)).length;

  function close() {
    offer = null;
    active = -1;
    list.hidden = true;
    list.replaceChildren();
    input.setAttribute("aria-expanded", "false");
    input.removeAttribute("aria-activedescendant");
  }

  function choose(index) {
    const choice = offer.choices[index];
    const text = letters(input.value);
    // A field goes on with its value, a value is done.
    const end = choice.text.endsWith(":") ? "" : " ";
    const rest = text.slice(offer.to).join("").replace(/^ /, "");
    const front = text.slice(0, offer.from).join("") + choice.text + end;
    input.value = front + rest;
    input.setSelectionRange(front.length, front.length);
    close();
    changed();
  }

  function point(index) {
    active = index;
    for (const [at, option] of [...list.children].entries()) option.setAttribute("aria-selected", String(at === index));
    const option = list.children[index];
    if (!option) return input.removeAttribute("aria-activedescendant");
    input.setAttribute("aria-activedescendant", option.id);
    option.scrollIntoView({ block: "nearest" });
  }

  function draw() {
    if (!offer?.choices.length || document.activeElement !== input) return close();
    list.replaceChildren(...offer.choices.map((choice, index) => el("li", { id: `${list.id}-${index}`, role: "option", "aria-selected": "false", onmousedown: (event) => { event.preventDefault(); choose(index); } }, el("b", { text: choice.text }), choice.about ? el("small", { text: choice.about }) : null)));
    list.hidden = false;
    active = -1;
    input.setAttribute("aria-expanded", "true");
    input.removeAttribute("aria-activedescendant");
  }

  async function ask() {
    const turn = ++asked;
    const q = input.value;
    try {
      const answer = await api(`/api/media/complete?${new URLSearchParams({ q, at: cursor() })}`);
      if (turn !== asked) return;
      offer = answer;
      draw();
      if (answer.problem) {
        // What is half written is not wrong yet.
        found.textContent = answer.choices.length ? "" : `${sentence(answer.problem.msg)} ${sentence(answer.problem.fix)}`;
        return;
      }
      if (!q.trim()) {
        found.textContent = "Everything. Write words or fields, such as genre:comedy year:1980s added:<30d -show:\"The Office\" sort:-added limit:50.";
        return;
      }
      const page = await api(`/api/media?${new URLSearchParams({ query: q, state: "playable", paginated: "true", limit: "4" })}`);
      if (turn !== asked) return;
      const names = page.items.map((media) => media.show_title ? `${media.show_title}: ${media.title}` : media.title);
      const more = page.total > names.length ? " …" : "";
      found.textContent = page.total ? `${page.total.toLocaleString()} ${page.total === 1 ? "item" : "items"}: ${names.join(", ")}${more}` : "Nothing is found yet; what comes later joins by itself.";
    } catch (problem) {
      if (!(problem instanceof Problem)) throw problem;
      if (turn === asked) found.textContent = `${problem.message} ${problem.fix}`;
    }
  }

  function changed() {
    clearTimeout(timer);
    timer = setTimeout(ask, 120);
  }

  input.addEventListener("input", changed);
  input.addEventListener("focus", changed);
  input.addEventListener("blur", close);
  input.addEventListener("keydown", (event) => {
    if (list.hidden) {
      if (event.key === "ArrowDown") changed();
      return;
    }
    const count = list.children.length;
    if (event.key === "ArrowDown") point((active + 1) % count);
    else if (event.key === "ArrowUp") point((active + count - 1 + (active < 0 ? 1 : 0)) % count);
    else if (event.key === "Escape") close();
    else if ((event.key === "Enter" || event.key === "Tab") && active >= 0) choose(active);
    else return;
    event.preventDefault();
    event.stopPropagation();
  });
  return { ask: changed, close };
}
