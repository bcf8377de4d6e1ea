// Plays a channel. One endless stream with mpegts.js where that can; HLS with hls.js where it is about
// codecs that mpegts.js does not take, or sound in more languages; HLS by the browser itself where that
// is all there is. Whatever breaks is tried again, later each time, and said on the screen.
import { api, bar, between, el, every, fill, find, icon, keep, kept, logo, say, sayProblem, skeleton, subtitle } from "./app.js";

const stage = find("#stage");
const video = find("#video");
const veil = find("#veil");
const WAITS = [500, 1000, 2000, 4000, 8000, 15000];
/** The server sends this much ahead; more than the limit behind it is caught up with a jump. */
const AHEAD = 7;
const BEHIND_MOST = 20;

const state = {
  channels: [],
  begun: false,
  number: stage.dataset.number || null,
  player: null,
  /** What the browser plays it with: "ts", "hls.js" or "hls". */
  how: null,
  /** Counts starts: what was begun for an older one is dropped. */
  turn: 0,
  tries: 0,
  timer: 0,
  moved: 0,
  lastTime: 0,
  lastFrames: 0,
  framesMoved: 0,
  paused: false,
};
// Tests and curious people look here.
window.exstreamtvPlayer = state;

const isTestCard = () => state.number?.startsWith("test") ?? false;
const current = () => state.channels.find((channel) => channel.number === state.number) ?? null;

/** What a channel's streams are, by channel number, as their playlists say. */
const streams = new Map();

/** The codecs of a channel, and whether it can be heard in more than one language. */
async function told(number) {
  const answer = await fetch(`/iptv/hls/${encodeURIComponent(number)}/master.m3u8`);
  if (!answer.ok) return null;
  const text = await answer.text();
  const stream = { codecs: text.match(/CODECS="([^"]+)"/)?.[1] ?? "", voices: /TYPE=AUDIO[^\n]*,URI=/.test(text) };
  streams.set(number, stream);
  return stream;
}

/** How this browser plays such a stream; null where it cannot. */
function mode({ codecs, voices }) {
  const takesPieces = window.mpegts?.getFeatureList().mseLivePlayback ?? false;
  if (takesPieces && !voices && /^avc1\.\w+,mp4a\./.test(codecs)) return "ts";
  const type = `video/mp4; codecs="${codecs}"`;
  if ((window.ManagedMediaSource ?? window.MediaSource)?.isTypeSupported(type)) return "hls.js";
  if (video.canPlayType("application/vnd.apple.mpegurl") && video.canPlayType(type)) return "hls";
  return null;
}

/** What nearly every channel is; taken for granted until its playlist was read. */
const USUAL = { codecs: "avc1.640028,mp4a.40.2", voices: false };

function stop() {
  clearTimeout(state.timer);
  state.turn += 1;
  offerSound(null);
  if (state.player) {
    try {
      state.player.destroy();
    } catch {
      // A player that is broken already is gone all the same.
    }
    state.player = null;
  }
  video.removeAttribute("src");
  video.load();
}

function start() {
  stop();
  state.paused = false;
  state.moved = performance.now();
  state.framesMoved = state.moved;
  state.lastTime = 0;
  const number = state.number;
  const stream = streams.get(number);
  begin(mode(stream ?? USUAL), stream ?? USUAL);
  if (stream) return;
  const turn = state.turn;
  told(number).then((stream) => {
    if (!stream || turn !== state.turn) return;
    const how = mode(stream);
    if (how !== state.how) start();
  }, () => {}); // The stream itself says what is wrong.
}

/** Begins to play in one of the ways. */
function begin(how, { codecs }) {
  const address = `/iptv/channel/${encodeURIComponent(state.number)}`;
  state.how = how;
  if (how === null) {
    const names = [/^h[ev]/.test(codecs) ? "HEVC" : "", /ac-3/.test(codecs) ? "AC-3" : ""].filter(Boolean).join(" and ");
    cover("error", names ? `This browser cannot play ${names}` : "This browser cannot play the stream", "Open it in VLC or another player: the Connect page has the address.", el("a", { class: "button", href: "/connect", text: "Connect a player" }));
    return;
  }
  cover("loading");
  if (how === "hls") {
    video.src = `${address}.m3u8`;
    play();
    return;
  }
  if (how === "hls.js") {
    withHls(state.turn);
    return;
  }
  const player = window.mpegts.createPlayer({ type: "mpegts", isLive: true, url: `${location.origin}${address}.ts` }, {
    enableStashBuffer: false,
    lazyLoad: false,
    liveBufferLatencyChasing: true,
    liveBufferLatencyMaxLatency: BEHIND_MOST,
    liveBufferLatencyMinRemain: AHEAD,
    autoCleanupSourceBuffer: true,
    autoCleanupMaxBackwardDuration: 60,
    autoCleanupMinBackwardDuration: 30,
  });
  state.player = player;
  player.on(window.mpegts.Events.ERROR, (type, detail, info) => failed(player, info?.code ?? 0, `${type} ${detail}`));
  player.on(window.mpegts.Events.LOADING_COMPLETE, () => failed(player, 0, "the stream ended"));
  player.attachMediaElement(video);
  player.load();
  play();
}

/** Plays HLS piece by piece; the script is fetched when it is needed for the first time. */
async function withHls(turn) {
  const { default: Hls } = await import("../vendor/hls-1.7.4.min.mjs");
  if (turn !== state.turn) return;
  const player = new Hls({ backBufferLength: 60, audioPreference: kept("sound") ? { lang: kept("sound") } : undefined });
  state.player = player;
  player.on(Hls.Events.ERROR, (event, data) => {
    if (data.fatal) failed(player, data.response?.code ?? 0, data.details);
  });
  player.on(Hls.Events.AUDIO_TRACKS_UPDATED, () => offerSound(player));
  player.on(Hls.Events.AUDIO_TRACK_SWITCHED, () => offerSound(player));
  player.loadSource(`/iptv/hls/${encodeURIComponent(state.number)}/master.m3u8`);
  player.attachMedia(video);
  play();
}

/** Offers the languages that there are; nothing where there is one. */
function offerSound(player) {
  const place = find("#sound");
  const tracks = player?.audioTracks ?? [];
  place.hidden = tracks.length < 2;
  place.replaceChildren(...tracks.map((track, nth) => el("option", { value: nth, text: track.name, selected: nth === player.audioTrack })));
}

/** Starts with sound; where the browser wants a gesture first, without it. */
async function play() {
  const wanted = kept("muted") === "yes";
  video.muted = wanted;
  const player = state.player;
  try {
    await video.play();
  } catch (error) {
    if (player !== state.player) return;
    if (error.name === "NotAllowedError" && !video.muted) {
      video.muted = true;
      find("#unmute").hidden = false;
      video.play().catch(() => cover("paused", "Ready", "Your browser wants a click first.", el("button", { type: "button", onclick: () => video.play(), text: "Play" })));
    }
  }
}

function failed(player, code, why) {
  if (player && player !== state.player) return;
  console.debug(`the stream broke: ${why} (${code})`);
  stop();
  // It may be another stream by now.
  streams.delete(state.number);
  const wait = WAITS[Math.min(state.tries, WAITS.length - 1)];
  state.tries += 1;
  const channel = current();
  const texts = {
    401: ["You are logged out", "Log in again to go on watching."],
    404: ["This channel is not on the air", channel && !channel.enabled ? "It is switched off. Switch it on on the Channels page." : "Choose another channel, or look at the Channels page."],
    503: ["The channel is busy", "All its places are taken or the server is under load."],
  };
  const [title, text] = texts[code] ?? ["The picture was lost", "Getting it back."];
  const again = el("button", { type: "button", text: "Try now", onclick: () => start() });
  if (state.tries === 1 && !texts[code]) cover("loading");
  else cover("error", title, `${text} Trying again in ${Math.max(1, Math.round(wait / 1000))} s.`, again);
  clearTimeout(state.timer);
  state.timer = setTimeout(start, wait);
}

function cover(what, title, text, ...actions) {
  stage.dataset.state = what;
  if (what === "playing") return veil.replaceChildren();
  if (!title) return veil.replaceChildren(el("div", { class: "spin" }), el("span", { class: "hidden", text: "Tuning" }));
  veil.replaceChildren(el("strong", { text: title }), el("p", { text }), ...actions);
}

/** Once a second: does the picture move? Sound alone does not count, and neither does a clock. */
function watchdog() {
  const now = performance.now();
  if (stage.dataset.state === "error" || state.paused || document.hidden) {
    state.moved = state.framesMoved = now;
    return;
  }
  const frames = video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
  if (video.currentTime !== state.lastTime) state.moved = now;
  if (frames !== state.lastFrames) state.framesMoved = now;
  state.lastTime = video.currentTime;
  state.lastFrames = frames;
  const still = now - Math.min(state.moved, state.framesMoved);
  if (still > 10000) failed(state.player, 0, "the picture stands still");
  else if (still > 1500 && stage.dataset.state === "playing") cover("waiting");
  else if (still < 1500 && stage.dataset.state !== "playing" && !video.paused && video.readyState >= 3) playing();
}

function playing() {
  state.tries = 0;
  cover("playing");
}

function tune(number) {
  if (!number) return;
  state.number = String(number);
  state.tries = 0;
  if (!isTestCard()) keep("channel", state.number);
  history.replaceState(null, "", `/player/${state.number}`);
  about();
  zapList();
  osd();
  start();
}

function move(by) {
  const on = state.channels.filter((channel) => channel.enabled);
  if (on.length === 0) return;
  const at = on.findIndex((channel) => channel.number === state.number);
  tune(on[(at + by + on.length) % on.length].number);
  find(`#zap a[aria-current]`)?.scrollIntoView({ block: "nearest" });
}

let osdTimer = 0;
function osd(text) {
  const channel = current();
  const box = find("#osd");
  if (text) box.replaceChildren(el("b", { text }));
  else if (channel) box.replaceChildren(el("b", { text: `${channel.number}  ${channel.name}` }), channel.now?.title ?? "");
  box.classList.add("on");
  clearTimeout(osdTimer);
  osdTimer = setTimeout(() => box.classList.remove("on"), 3500);
}

const span = (programme) => [Date.parse(programme.start_time), Date.parse(programme.finish_time)];

function about() {
  const channel = current();
  const place = find("#about");
  if (!channel && isTestCard()) {
    document.title = "Test card · EXStreamTV";
    place.replaceChildren(el("div", { class: "words" }, el("h2", { text: "Test card" }), el("p", { class: "plot", text: "Once a second the pointer crosses the middle, two fields light up and a tone sounds, all at the same moment. The black and white edge is seen whole where nothing is cut off; the circle is round; the finest lines are grey where the picture is scaled." })));
    return;
  }
  if (!channel) {
    if (state.channels.length) place.replaceChildren(el("p", { class: "lead", text: `There is no channel ${state.number}. Choose one from the list.` }));
    return;
  }
  document.title = `${channel.now?.title ?? channel.name} · ${channel.name} · EXStreamTV`;
  const words = el("div", { class: "words" }, el("div", { class: "number" }, `${channel.number} · ${channel.name}`));
  const on = channel.now;
  if (on) {
    const [from, to] = span(on);
    const extra = subtitle(on);
    words.append(...[el("h2", { text: on.title }), extra ? el("div", { text: extra }) : null,
      bar((Date.now() - from) / (to - from), `How far ${on.title} is`),
      el("div", { class: "times-line" }, ...between(from, to).map((text) => el("span", { text }))),
      el("p", { class: "plot", text: on.description })].filter(Boolean));
  } else {
    words.append(el("h2", { text: "Nothing planned" }), el("p", { class: "plot", text: "Give the channel a collection that holds playable media." }));
  }
  if (channel.next) words.append(el("p", { class: "next" }, el("small", { text: `Next, ${between(...span(channel.next))[0]}  ` }), el("b", { text: channel.next.title })));
  place.replaceChildren(logo(channel), words);
}

function zapList() {
  const place = find("#zap");
  const focused = place.contains(document.activeElement) ? document.activeElement.dataset.number : null;
  fill(place, ...state.channels.filter((channel) => channel.enabled).map((channel) =>
    el("li", {}, el("a", { href: `/player/${channel.number}`, "aria-current": channel.number === state.number ? "true" : undefined, data: { number: channel.number }, onclick: (event) => {
      if (event.ctrlKey || event.metaKey || event.shiftKey) return;
      event.preventDefault();
      tune(channel.number);
      if (matchMedia("(max-width: 1100px)").matches) stage.scrollIntoView({ block: "center" });
    } }, logo(channel), el("span", { class: "name cut" }, el("span", { class: "number", text: `${channel.number}  ` }), channel.name), el("span", { class: "on cut", text: channel.now?.title ?? "nothing planned" })))));
  if (focused) find(`a[data-number="${CSS.escape(focused)}"]`, place)?.focus();
}

async function refresh() {
  state.channels = await api("/api/channels");
  about();
  zapList();
  if (state.channels.length === 0 && !isTestCard()) {
    stop();
    cover("error", "No channels yet", "Add a folder of media: channels are made from it by themselves.", el("a", { class: "button", href: "/media", text: "Add a library" }));
    say(find("#zap"), "empty", "No channels", "They are listed here once there are some.");
  } else if (!state.begun) {
    state.begun = true;
    const last = kept("channel");
    const known = (number) => state.channels.some((channel) => channel.number === number);
    tune(state.number ?? (last && known(last) ? last : state.channels.find((channel) => channel.enabled)?.number ?? state.channels[0].number));
  }
}

// Controls

function showSound() {
  const muted = video.muted || video.volume === 0;
  find("#mute").replaceChildren(icon(muted ? "muted" : "sound"));
  find("#mute").setAttribute("aria-label", muted ? "Turn the sound on" : "Mute");
  find("#volume").value = video.volume;
  if (!muted) find("#unmute").hidden = true;
}

function toggleMute() {
  video.muted = !video.muted;
  if (!video.muted && video.volume === 0) video.volume = 0.6;
  keep("muted", video.muted ? "yes" : "no");
  osd(video.muted ? "Muted" : "Sound on");
}

function togglePlay() {
  if (video.paused) {
    state.paused = false;
    // Television goes on meanwhile: come back to what is on now.
    if (stage.dataset.paused && performance.now() - Number(stage.dataset.paused) > 5000) start();
    else play();
  } else {
    state.paused = true;
    stage.dataset.paused = performance.now();
    video.pause();
  }
}

async function toggleFull() {
  if (document.fullscreenElement) await document.exitFullscreen();
  else if (stage.requestFullscreen) await stage.requestFullscreen();
  else video.webkitEnterFullscreen?.();
}

let digits = "";
let digitTimer = 0;
function digit(key) {
  digits += key;
  osd(digits);
  clearTimeout(digitTimer);
  digitTimer = setTimeout(() => {
    const wanted = digits;
    digits = "";
    if (state.channels.some((channel) => channel.number === wanted)) tune(wanted);
    else osd(`No channel ${wanted}`);
  }, 1200);
}

video.addEventListener("volumechange", () => {
  showSound();
  if (!video.muted) keep("volume", String(video.volume));
});
video.addEventListener("playing", playing);
video.addEventListener("pause", () => {
  find("#play").replaceChildren(icon("play"));
  find("#play").setAttribute("aria-label", "Play");
});
video.addEventListener("play", () => {
  find("#play").replaceChildren(icon("pause"));
  find("#play").setAttribute("aria-label", "Pause");
});
video.addEventListener("error", () => {
  if (video.error && video.getAttribute("src")) failed(state.player, 0, video.error.message);
});
video.addEventListener("click", togglePlay);
video.addEventListener("dblclick", toggleFull);
find("#play").addEventListener("click", togglePlay);
find("#mute").addEventListener("click", toggleMute);
find("#unmute").addEventListener("click", () => {
  video.muted = false;
  keep("muted", "no");
});
find("#volume").addEventListener("input", (event) => {
  video.volume = Number(event.target.value);
  video.muted = video.volume === 0;
});
find("#sound").addEventListener("change", (event) => {
  const track = state.player?.audioTracks?.[event.target.value];
  if (!track) return;
  state.player.audioTrack = Number(event.target.value);
  keep("sound", track.lang ?? "");
  osd(track.name);
});
find("#up").addEventListener("click", () => move(1));
find("#down").addEventListener("click", () => move(-1));
find("#full").addEventListener("click", toggleFull);
if (document.pictureInPictureEnabled) {
  find("#pip").hidden = false;
  find("#pip").addEventListener("click", () => (document.pictureInPictureElement ? document.exitPictureInPicture() : video.requestPictureInPicture().catch(() => osd("Not possible now"))));
}
let calm = 0;
/** Shows the controls, and hides them again while nobody needs them. */
function stir() {
  stage.classList.remove("calm");
  clearTimeout(calm);
  calm = setTimeout(() => stage.classList.toggle("calm", !video.paused && !find(".controls").matches(":focus-within:has(:focus-visible)")), 3000);
}
for (const event of ["pointermove", "pointerdown", "focusin", "keydown"]) stage.addEventListener(event, stir);
video.addEventListener("playing", stir);
document.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey || event.target.matches("input:not([type=range]), select, textarea")) return;
  const onButton = event.target.matches("button, a, input");
  const keys = { m: toggleMute, f: toggleFull, k: togglePlay, i: () => osd(), PageUp: () => move(1), PageDown: () => move(-1) };
  if (!onButton) Object.assign(keys, { " ": togglePlay, ArrowUp: () => move(1), ArrowDown: () => move(-1) });
  const work = keys[event.key] ?? (/^[0-9.]$/.test(event.key) ? () => digit(event.key) : null);
  if (!work) return;
  event.preventDefault();
  work();
});
document.addEventListener("visibilitychange", () => {
  if (document.hidden || state.paused) return;
  const end = video.buffered.length ? video.buffered.end(video.buffered.length - 1) : 0;
  if (end - video.currentTime > BEHIND_MOST || video.error) start();
});
addEventListener("pagehide", stop);

if (window.mpegts) window.mpegts.LoggingControl.enableAll = false;
const volume = Number(kept("volume") ?? 1);
video.volume = volume >= 0 && volume <= 1 ? volume : 1;
showSound();
skeleton(find("#zap"), 3);
setInterval(watchdog, 500);
setInterval(() => {
  const channel = current();
  if (document.hidden || !channel?.now) return;
  if (Date.now() >= span(channel.now)[1]) again();
  else about();
}, 2000);
const again = every(20000, async () => {
  try {
    await refresh();
  } catch (problem) {
    if (state.channels.length === 0) sayProblem(find("#zap"), problem, () => again());
    throw problem;
  }
});
