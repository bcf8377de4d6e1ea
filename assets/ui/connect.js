// What to type where: the addresses of this server as others reach it.
import { api, el, fill, find, icon, say, sayProblem, skeleton, toast, Problem } from "./app.js";

const place = find("#connect");

function address(label, url) {
  const copy = el("button", { type: "button", class: "quiet round", "aria-label": `Copy the address of ${label}`, title: "Copy" }, icon("copy"));
  copy.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(url);
      toast("Copied.");
    } catch {
      const range = document.createRange();
      range.selectNodeContents(copy.previousElementSibling);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      toast("Press Ctrl+C to copy what is marked.");
    }
  });
  return el("div", {}, el("small", { text: label }), el("div", { class: "address" }, el("code", { text: url }), copy));
}

function card(title, text, ...parts) {
  return el("article", { class: "card" }, el("h2", { text: title }), el("p", { class: "lead", text }), ...parts);
}

async function load() {
  skeleton(place, 2);
  try {
    const [device, channels] = await Promise.all([api("/discover.json"), api("/api/channels?enabled=true")]);
    const base = device.BaseURL.replace(/\/$/, "");
    const host = new URL(base).host;
    const here = /^(localhost|127\.|\[::1\])/.test(host);
    const first = channels[0]?.number ?? "1";
    fill(place,
      card("IPTV players", "VLC, mpv, TiviMate, Kodi (IPTV Simple): playlist and guide.", address("Playlist", `${base}/iptv/channels.m3u`), address("Guide", `${base}/iptv/xmltv.xml`)),
      card("Plex, Jellyfin, Emby, Channels", "Add a tuner of the kind HDHomeRun. When it is not found by itself, type its address; then give the guide as XMLTV.", address("Tuner", host), address("Guide", `${base}/iptv/xmltv.xml`)),
      card("One channel", `Channel ${first} as one endless stream, or as HLS for phones and televisions.`, address("Stream", `${base}/iptv/channel/${first}.ts`), address("HLS", `${base}/iptv/channel/${first}.m3u8`)),
      card("Programs", "Everything these pages do, programs can do too, with a key.", address("Description of the API", `${base}/openapi.json`), address("Numbers for Prometheus", `${base}/metrics`)));
    if (here) place.prepend(el("p", { class: "note", text: "You opened this page by a name that only works on this machine. Open it by the machine’s name or address in your network, and the addresses below become the ones to type on other devices." }));
    if (channels.length > 0) return;
    place.prepend(el("div", { class: "note plain" }));
    say(place.firstElementChild, "empty", "No channels yet", "Players connect, but find nothing. Add a library first.", el("a", { class: "button main", href: "/media", text: "Add a library" }));
  } catch (problem) {
    if (!(problem instanceof Problem)) throw problem;
    sayProblem(place, problem, load);
  }
}

load();
