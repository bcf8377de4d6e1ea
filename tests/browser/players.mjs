// Real players on one server for as long as one likes, across joins, without a stall: hls.js plainly
// and with low latency, mpegts.js, VLC on the endless stream and on HLS, and ffmpeg.
//
// Run by `make clients` for ten minutes; by hand: PLAY_SECONDS=60 PLAYERS=hls,vlc node --test players.mjs.
// What is judged is what each player says of itself: its events, its clock, the pictures it showed.
// Beside other work a player may stall because the machine does; run it alone.
import assert from "node:assert/strict";
import { execSync, spawn } from "node:child_process";
import { chmodSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

import { get, startServer, until } from "./server.mjs";

const SCRIPTS = {
  "/hls.js": readFileSync(createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js")),
  "/mpegts.js": readFileSync(join(import.meta.dirname, "../../assets/vendor/mpegts-1.8.2.min.js")),
};
const SECONDS = Number(process.env.PLAY_SECONDS ?? 600);
const NAMES = (process.env.PLAYERS ?? "hls,hls-low,mpegts,vlc,vlc-hls,ffmpeg").split(",");
/** What a player may be slow at in its first seconds, on a machine where six start at once. */
const WARM_SECONDS = 5;
const RATE = 25;

let server;
let browser;
let foreign;
let channel;
let folder;
const players = [];

before(async () => {
  const chrome = process.env.CHROMIUM ?? execSync("command -v chromium || command -v chromium-browser || command -v google-chrome").toString().trim();
  folder = mkdtempSync(join(tmpdir(), "exstreamtv-players-"));
  chmodSync(folder, 0o777);
  [server, browser] = await Promise.all([
    startServer(),
    chromium.launch({ executablePath: chrome, args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] }),
  ]);
  // Another port is another origin, so a player there needs the server's leave for every request.
  foreign = createServer((request, response) => {
    const script = SCRIPTS[request.url];
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ?? "<!doctype html><title>elsewhere</title><script src=/hls.js></script><script src=/mpegts.js></script>");
  });
  await new Promise((resolve) => foreign.listen(0, "127.0.0.1", resolve));
  [channel] = await get(server.base, "/api/channels");
  // A playlist does not reach back into a slate, so a long one means that media is in the store.
  await until("a channel that is prepared", 200_000, async () => {
    const playlist = await (await fetch(`${server.base}/iptv/hls/${channel.number}/live.m3u8`)).text();
    return playlist.split("#EXTINF").length > 8;
  });
}, { timeout: 500_000 });

after(async () => {
  for (const player of players) player.end();
  await browser?.close();
  foreign?.close();
  await server?.stop();
  if (folder) rmSync(folder, { recursive: true, force: true });
});

/** Runs in the page: plays `url` in a video of its own with the player `name`. */
function playInPage([name, url]) {
  const video = document.body.appendChild(Object.assign(document.createElement("video"), { muted: true }));
  const seen = { began: 0, waits: [], faults: [] };
  video.addEventListener("playing", () => {
    if (seen.began) return;
    Object.assign(seen, { began: performance.now(), startedAt: video.currentTime, first: video.getVideoPlaybackQuality() });
  });
  for (const event of ["waiting", "stalled", "error"]) {
    video.addEventListener(event, () => seen.began && seen.waits.push(`${event} at ${video.currentTime.toFixed(2)}`));
  }
  if (name === "mpegts") {
    const player = mpegts.createPlayer({ type: "mpegts", isLive: true, url }, { enableStashBuffer: false, lazyLoad: false, autoCleanupSourceBuffer: true });
    player.on(mpegts.Events.ERROR, (type, detail) => seen.faults.push(`${type} ${detail}`));
    player.attachMediaElement(video);
    player.load();
  } else {
    const hls = new Hls({ lowLatencyMode: name === "hls-low" });
    hls.on(Hls.Events.ERROR, (_, data) => (data.fatal ? seen.faults : (seen.told ??= [])).push(`${data.details} ${data.reason ?? ""}`));
    hls.loadSource(url);
    hls.attachMedia(video);
  }
  video.play();
  window.watched ??= {};
  window.watched[name] = () => {
    if (!seen.began) return { began: false };
    const quality = video.getVideoPlaybackQuality();
    const end = video.buffered.length ? video.buffered.end(video.buffered.length - 1) : 0;
    return {
      began: true, waits: seen.waits, faults: seen.faults, told: seen.told ?? [],
      wall: (performance.now() - seen.began) / 1000, played: video.currentTime - seen.startedAt,
      shown: quality.totalVideoFrames - seen.first.totalVideoFrames, lost: quality.droppedVideoFrames - seen.first.droppedVideoFrames,
      ahead: end - video.currentTime,
    };
  };
}

/** A player in the browser. */
async function inBrowser(name, url) {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${foreign.address().port}/`);
  await page.evaluate(playInPage, [name, url]);
  return { look: () => page.evaluate((name) => window.watched[name](), name), end: () => {} };
}

/** VLC, asked over its own interface how it does. */
async function inVlc(name, url) {
  const port = await freePort();
  const log = join(folder, `${name}.log`);
  // VLC does not run as root.
  const user = process.getuid() === 0 ? ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups"] : [];
  const words = [...user, "vlc", "-I", "dummy", "--extraintf", "http", "--http-host", "127.0.0.1", "--http-port", `${port}`,
    "--http-password", "pw", "--vout", "dummy", "--aout", "dummy", "--no-video-title-show", "--file-logging", "--logfile", log, "--verbose", "1", url];
  const child = spawn(words[0], words.slice(1), { stdio: "ignore", env: { ...process.env, HOME: folder } });
  let first = null;
  let most = 0;
  let moved = 0;
  const waits = [];
  const ask = async () => {
    const answer = await fetch(`http://127.0.0.1:${port}/requests/status.json`, { headers: { authorization: `Basic ${btoa(":pw")}` } });
    return (await answer.json()).stats;
  };
  // A picture that stands for a second is a stall.
  const timer = setInterval(async () => {
    const stats = await ask().catch(() => null);
    if (!stats?.displayedpictures) return;
    const now = performance.now();
    if (stats.displayedpictures > most) {
      if (first && now - moved > 1500) waits.push(`stood for ${((now - moved) / 1000).toFixed(1)} s at ${stats.displayedpictures}`);
      [most, moved] = [stats.displayedpictures, now];
    }
    if (!first && most > WARM_SECONDS * RATE) first = { at: now, ...stats };
  }, 400);
  const look = async () => {
    if (!first) return { began: false };
    const stats = await ask();
    const wall = (performance.now() - first.at) / 1000;
    const shown = stats.displayedpictures - first.displayedpictures;
    const bad = /clock gap|discontinuity|buffer too late|PCR {2}is called too late|Timestamp conversion failed|unable to open/;
    const faults = readFileSync(log, "utf8").split("\n").filter((line) => bad.test(line) && !/ debug: /.test(line));
    return {
      began: true, waits, faults, wall, shown, played: shown / RATE, lost: stats.lostpictures - first.lostpictures,
      soundLost: stats.lostabuffers - first.lostabuffers, jumps: stats.demuxdiscontinuity, broken: stats.demuxcorrupted,
    };
  };
  return { look, end: () => { clearInterval(timer); child.kill("SIGKILL"); } };
}

/** ffmpeg, which must have nothing to say and never run dry. */
async function inFfmpeg(url) {
  const child = spawn("ffmpeg", ["-nostdin", "-hide_banner", "-nostats", "-v", "warning", "-xerror", "-stats_period", "0.2",
    "-progress", "pipe:1", "-i", url, "-f", "null", "-"], { stdio: ["ignore", "pipe", "pipe"] });
  const faults = [];
  const waits = [];
  let first = null;
  let now = { at: 0, seconds: 0, frames: 0 };
  child.stderr.on("data", (piece) => faults.push(piece.toString().trim()));
  child.on("exit", (code, signal) => signal === "SIGKILL" || faults.push(`ended with ${code ?? signal}`));
  child.stdout.on("data", (piece) => {
    const said = Object.fromEntries(piece.toString().split("\n").map((line) => line.split("=")));
    if (!(Number(said.out_time_us) > 0)) return;
    now = { at: performance.now(), seconds: Number(said.out_time_us) / 1e6, frames: Number(said.frame) };
    // It decodes what comes at once, so it began to play with the first thing it told.
    first ??= now;
    if (now.seconds < (now.at - first.at) / 1000) waits.push(`dry at ${now.seconds.toFixed(1)} s`);
  });
  const look = () => first
    ? { began: true, waits, faults, wall: (now.at - first.at) / 1000, played: now.seconds - first.seconds, shown: now.frames - first.frames, lost: 0 }
    : { began: false, faults };
  return { look, end: () => child.kill("SIGKILL") };
}

/** A port that nobody listens on just now. */
async function freePort() {
  const door = createServer();
  await new Promise((resolve) => door.listen(0, "127.0.0.1", resolve));
  const { port } = door.address();
  await new Promise((resolve) => door.close(resolve));
  return port;
}

function start(name) {
  const hls = `${server.base}/iptv/hls/${channel.number}`;
  const endless = `${server.base}/iptv/channel/${channel.number}.ts`;
  switch (name) {
    case "hls": return inBrowser(name, `${hls}/master.m3u8`);
    case "hls-low": return inBrowser(name, `${hls}/master-low.m3u8`);
    case "mpegts": return inBrowser(name, endless);
    case "vlc": return inVlc(name, endless);
    case "vlc-hls": return inVlc(name, `${hls}/live.m3u8`);
    case "ffmpeg": return inFfmpeg(endless);
    default: throw new Error(`there is no player ${name}`);
  }
}

test(`${NAMES.join(", ")} play for ${SECONDS} s across joins`, { timeout: SECONDS * 1000 + 400_000 }, async () => {
  for (const name of NAMES) players.push(await start(name));
  const looks = () => Promise.all(players.map((player) => player.look()));
  await until("all to play", 120_000, async () => (await looks()).every((player) => player.began));
  // Joins are changes of what is on the air.
  const shown = new Set();
  const end = Date.now() + SECONDS * 1000;
  await until("two joins", SECONDS * 1000 + 150_000, async () => {
    shown.add((await get(server.base, "/api/channels"))[0].now?.start_time);
    return shown.size >= 3 && Date.now() > end;
  });
  const told = (await looks()).map((player, nth) => ({ name: NAMES[nth], joins: shown.size - 1, ...player }));
  for (const player of told) console.log(JSON.stringify(player));
  for (const player of told) {
    const said = JSON.stringify(player);
    assert.deepEqual(player.waits, [], said);
    assert.deepEqual(player.faults, [], said);
    assert.ok(player.wall >= 0.9 * SECONDS, said);
    assert.ok(player.played >= 0.95 * player.wall, said);
    assert.ok(player.shown >= 0.95 * RATE * player.wall, said);
    assert.ok(player.lost <= 0.03 * player.shown, said);
    assert.ok((player.ahead ?? 1) > 0 && (player.ahead ?? 1) < 60, said);
    for (const none of ["soundLost", "jumps", "broken"]) assert.ok(!(player[none] > 0), said);
  }
});
