// HLS as hls.js plays it, on a page of somebody else, across joins, without a stall.
//
// Run by `make clients` for ten minutes, and by hand: HLS_SECONDS=30 node --test hls_play.mjs. It is
// not among the tests of every change: of eight short runs one saw hls.js skip a segment that was
// there, on a machine with four builds at once, and why is not known yet.
import assert from "node:assert/strict";
import { execSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { createServer } from "node:http";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

import { get, startServer, until } from "./server.mjs";

const HLS = readFileSync(createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js"));
const LEAST_SECONDS = Number(process.env.HLS_SECONDS ?? 30);
const RATE = 25;

let server;
let browser;
let foreign;

before(async () => {
  const chrome = process.env.CHROMIUM ?? execSync("command -v chromium || command -v chromium-browser || command -v google-chrome").toString().trim();
  [server, browser] = await Promise.all([
    startServer(),
    chromium.launch({ executablePath: chrome, args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] }),
  ]);
  // Another port is another origin, so a player there needs the server's leave for every request.
  foreign = createServer((request, response) => {
    const script = request.url === "/hls.js";
    response.setHeader("content-type", script ? "text/javascript" : "text/html");
    response.end(script ? HLS : "<!doctype html><title>elsewhere</title><script src=/hls.js></script><video muted></video><video muted></video>");
  });
  await new Promise((resolve) => foreign.listen(0, "127.0.0.1", resolve));
}, { timeout: 240_000 });

after(async () => {
  await browser?.close();
  foreign?.close();
  await server?.stop();
});

/** Plays `url` in the page's `nth` video and keeps what goes wrong. */
function play([nth, url, low]) {
  const video = document.querySelectorAll("video")[nth];
  const seen = { began: 0, startedAt: 0, waits: [], faults: [] };
  const hls = new Hls({ lowLatencyMode: low });
  video.addEventListener("playing", () => {
    if (seen.began) return;
    seen.began = performance.now();
    seen.startedAt = video.currentTime;
    seen.frames = video.getVideoPlaybackQuality().totalVideoFrames;
  });
  for (const name of ["waiting", "stalled", "error"]) {
    video.addEventListener(name, () => seen.began && seen.waits.push(`${name} at ${video.currentTime.toFixed(2)}`));
  }
  hls.on(Hls.Events.ERROR, (_, data) => seen.faults.push(`${data.fatal ? "fatal " : ""}${data.details} ${data.reason ?? ""}`));
  hls.loadSource(url);
  hls.attachMedia(video);
  video.play();
  window.watched ??= [];
  window.watched[nth] = () => {
    const quality = video.getVideoPlaybackQuality();
    const end = video.buffered.length ? video.buffered.end(video.buffered.length - 1) : 0;
    return {
      ...seen, wall: (performance.now() - seen.began) / 1000, played: video.currentTime - seen.startedAt,
      shown: quality.totalVideoFrames - seen.frames, dropped: quality.droppedVideoFrames,
      ahead: end - video.currentTime, late: hls.playingDate ? (Date.now() - hls.playingDate) / 1000 : null,
      parts: hls.latestLevelDetails?.partList?.length ?? 0,
    };
  };
}

test("hls.js plays across two joins on a foreign page, plainly and with low latency", { timeout: LEAST_SECONDS * 1000 + 400_000 }, async () => {
  const [channel] = await get(server.base, "/api/channels");
  // A playlist does not reach back into a slate, so a long one means that media is in the store.
  // How a channel starts that is not prepared yet is another matter: there a player waits.
  const folder = `${server.base}/iptv/hls/${channel.number}`;
  await until("a channel that is prepared", 200_000, async () => {
    const playlist = await (await fetch(`${folder}/live.m3u8`)).text();
    return playlist.split("#EXTINF").length > 8;
  });
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${foreign.address().port}/`);
  await page.evaluate(play, [0, `${folder}/master.m3u8`, false]);
  await page.evaluate(play, [1, `${folder}/master-low.m3u8`, true]);
  const look = () => page.evaluate(() => window.watched.map((read) => read()));
  await until("both to play", 90_000, async () => (await look()).every((player) => player.began));
  // Joins are changes of what is on the air.
  const shown = new Set();
  const end = Date.now() + LEAST_SECONDS * 1000;
  await until("two joins", LEAST_SECONDS * 1000 + 150_000, async () => {
    shown.add((await get(server.base, "/api/channels"))[0].now?.start_time);
    return shown.size >= 3 && Date.now() > end;
  });
  const names = ["plain", "low latency"];
  for (const [nth, player] of (await look()).entries()) {
    const told = `${names[nth]}: ${JSON.stringify(player)}`;
    console.log(`${shown.size - 1} joins, ${told}`);
    assert.deepEqual(player.waits, [], told);
    assert.deepEqual(player.faults.filter((fault) => fault.startsWith("fatal")), [], told);
    assert.ok(player.played >= 0.95 * player.wall, told);
    assert.ok(player.shown >= 0.9 * RATE * player.wall, told);
    assert.ok(player.ahead > 0 && player.ahead < 60, told);
  }
});
