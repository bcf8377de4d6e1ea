// Subtitles in HLS as hls.js shows them: the text on the screen belongs to the second that is shown.
import assert from "node:assert/strict";
import { execFileSync, execSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

import { get, startServer, until } from "./server.mjs";

const HLS = readFileSync(createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js"), "utf8");
const LENGTH = 20;

let films;
let server;
let browser;

/** Two films whose subtitles count their seconds. */
function makeFilms(folder) {
  const clock = (second) => `00:00:${String(second).padStart(2, "0")}`;
  for (const film of ["one", "two"]) {
    const words = Array.from({ length: LENGTH - 1 }, (_, n) => `${n + 1}\n${clock(n + 1)},000 --> ${clock(n + 1)},960\n${film} ${n + 1}\n`);
    writeFileSync(join(folder, `${film}.de.srt`), words.join("\n"));
    execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", `testsrc2=s=640x360:r=25:d=${LENGTH}`, "-f", "lavfi", "-i", `sine=f=440:d=${LENGTH}:r=48000,aformat=channel_layouts=stereo`,
      ..."-pix_fmt yuv420p -c:v libx264 -preset ultrafast -bf 2 -g 50 -sc_threshold 0 -c:a aac".split(" "), join(folder, `${film}.mp4`)]);
  }
}

before(async () => {
  films = mkdtempSync(join(tmpdir(), "exstreamtv-films-"));
  makeFilms(films);
  const chrome = process.env.CHROMIUM ?? execSync("command -v chromium || command -v chromium-browser || command -v google-chrome").toString().trim();
  [server, browser] = await Promise.all([
    startServer({ library: films }),
    chromium.launch({ executablePath: chrome, args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] }),
  ]);
}, { timeout: 240_000 });

after(async () => {
  await browser?.close();
  await server?.stop();
  if (films) rmSync(films, { recursive: true, force: true });
});

async function send(method, path, body) {
  const answer = await fetch(server.base + path, { method, headers: { "content-type": "application/json", authorization: `Bearer ${server.key()}` }, body: JSON.stringify(body) });
  assert.ok(answer.ok, `${path}: ${answer.status} ${await answer.text()}`);
}

/** Plays `url` with its first subtitles. */
function play(url) {
  document.body.innerHTML = "<video muted></video>";
  const video = document.querySelector("video");
  const hls = new Hls();
  window.faults = [];
  hls.on(Hls.Events.ERROR, (_, data) => window.faults.push(`${data.fatal ? "fatal " : ""}${data.details} ${data.reason ?? ""}`));
  hls.loadSource(url);
  hls.attachMedia(video);
  video.play();
  window.look = () => {
    // As a person would from the menu, once there is one.
    if (hls.subtitleTracks.length && hls.subtitleTrack !== 0) hls.subtitleTrack = 0;
    const track = [...video.textTracks].find((track) => track.mode === "showing");
    return {
      time: video.currentTime, date: hls.playingDate?.getTime() ?? null, faults: window.faults,
      offered: hls.subtitleTracks.length, language: track?.language, cues: track?.cues?.length ?? 0,
      shown: [...(track?.activeCues ?? [])].map((cue) => cue.text),
    };
  };
}

test("subtitles are shown when their second is", { timeout: 300_000 }, async () => {
  const rule = { mode: "sidecar", choice: "language", languages: ["de"] };
  await send("POST", "/api/ffmpeg-profiles", { name: "Texts", width: 640, height: 360, framerate: 25, subtitles: rule });
  const [channel] = await get(server.base, "/api/channels");
  await send("PUT", `/api/channels/${channel.id}`, { profile: "Texts" });
  const master = `${server.base}/iptv/hls/${channel.number}/master.m3u8`;
  await until("subtitles in the playlist", 60_000, async () => (await (await fetch(master)).text()).includes("TYPE=SUBTITLES"));
  await until("a channel that is prepared", 120_000, async () => {
    const playlist = await (await fetch(master.replace("master", "live"))).text();
    return playlist.split("#EXTINF").length > 4;
  });
  const page = await browser.newPage({ bypassCSP: true });
  await page.goto(`${server.base}/login`);
  await page.addScriptTag({ content: HLS });
  await page.evaluate(play, master);
  const seen = new Map();
  let last;
  await until("eight seconds with their texts", 40_000, async () => {
    const now = await page.evaluate(() => window.look());
    assert.deepEqual(now.faults.filter((fault) => fault.startsWith("fatal")), [], JSON.stringify(now));
    last = now;
    if (now.date && now.shown.length === 1) seen.set(now.shown[0], now);
    return seen.size >= 8;
  }).catch((error) => assert.fail(`${error.message}: ${JSON.stringify(last)}`));
  const [any] = seen.values();
  assert.equal(any.language, "de");
  // The guide says which film began when; the player, which moment it shows.
  const day = await get(server.base, `/api/channels`);
  const start = Date.parse(day.find((one) => one.number === channel.number).now.start_time);
  for (const [text, { date }] of seen) {
    const second = Number(text.split(" ")[1]);
    // Since the text should have come up; films follow each other, a little longer than they say.
    const since = ((((date - start) / 1000 - second + LENGTH / 2) % LENGTH) + LENGTH) % LENGTH - LENGTH / 2;
    assert.ok(since > -0.3 && since < 1.3, `${text} came ${since.toFixed(2)} s after its second`);
  }
  await page.close();
});
