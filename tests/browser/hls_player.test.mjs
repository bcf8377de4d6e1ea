// The player page where mpegts.js cannot play: sound in two languages with hls.js, and a codec that the
// browser does not know.
import assert from "node:assert/strict";
import { execFileSync, execSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

import { get, startServer, until } from "./server.mjs";

const LENGTH = 20;
const TONES = { eng: 440, deu: 1000 };

let films;
let server;
let browser;
let channel;

before(async () => {
  films = mkdtempSync(join(tmpdir(), "exstreamtv-films-"));
  const sine = (tone) => ["-f", "lavfi", "-i", `sine=f=${tone}:d=${LENGTH}:r=48000,aformat=channel_layouts=stereo`];
  for (const film of ["one", "two"]) {
    execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", `testsrc2=s=640x360:r=25:d=${LENGTH}`, ...sine(TONES.eng), ...sine(TONES.deu),
      ..."-map 0 -map 1 -map 2 -metadata:s:a:0 language=eng -metadata:s:a:1 language=ger -pix_fmt yuv420p -c:v libx264 -preset ultrafast -bf 2 -g 50 -sc_threshold 0 -c:a aac".split(" "), join(films, `${film}.mp4`)]);
  }
  const chrome = process.env.CHROMIUM ?? execSync("command -v chromium || command -v chromium-browser || command -v google-chrome").toString().trim();
  [server, browser] = await Promise.all([
    startServer({ library: films }),
    chromium.launch({ executablePath: chrome, args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required"] }),
  ]);
  [channel] = await get(server.base, "/api/channels");
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

async function use(profile) {
  await send("POST", "/api/ffmpeg-profiles", { width: 640, height: 360, framerate: 25, ...profile });
  await send("PUT", `/api/channels/${channel.id}`, { profile: profile.name });
}

/** Runs in the page: the loudest tone that its video plays. */
function tone() {
  const video = document.querySelector("#video");
  if (!window.ear) {
    const context = new AudioContext();
    window.ear = context.createAnalyser();
    window.ear.fftSize = 8192;
    const source = context.createMediaElementSource(video);
    source.connect(window.ear);
    window.ear.connect(context.destination);
    window.rate = context.sampleRate;
    context.resume();
  }
  const bins = new Float32Array(window.ear.frequencyBinCount);
  window.ear.getFloatFrequencyData(bins);
  const loudest = bins.reduce((best, level, nth) => (level > bins[best] ? nth : best), 0);
  return (loudest * window.rate) / window.ear.fftSize;
}

test("the player page offers the languages and plays the one that is chosen", { timeout: 300_000 }, async () => {
  await use({ name: "Voices", audio_languages: ["eng"], audio_renditions: ["deu"] });
  await until("German sound", 180_000, async () => {
    const list = await (await fetch(`${server.base}/iptv/hls/${channel.number}/sound-deu.m3u8`)).text();
    return list.split("#EXTINF").length > 6;
  });
  const page = await browser.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(`${error}`));
  await page.goto(`${server.base}/player/${channel.number}`);
  const near = (tone) => async () => Math.abs(await page.evaluate(tone_of) - tone) < 30;
  const tone_of = tone;
  await until("a picture", 60_000, async () => page.evaluate(() => document.querySelector("#stage").dataset.state === "playing"));
  assert.equal(await page.evaluate(() => window.exstreamtvPlayer.how), "hls.js");
  await page.evaluate(() => { document.querySelector("#video").muted = false; });
  assert.deepEqual(await page.locator("#sound option").allTextContents(), ["English", "German"]);
  await until("English to be heard", 30_000, near(TONES.eng));
  await page.locator("#sound").selectOption({ label: "German" });
  await until("German to be heard", 60_000, near(TONES.deu));
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, "player-voices.png") });
  const before = await page.evaluate(() => document.querySelector("#video").getVideoPlaybackQuality().totalVideoFrames);
  await new Promise((resolve) => setTimeout(resolve, 10_000));
  const shown = await page.evaluate(() => document.querySelector("#video").getVideoPlaybackQuality().totalVideoFrames) - before;
  assert.ok(shown > 9 * 25, `${shown} pictures in ten seconds`);
  assert.deepEqual(faults, []);
  await page.close();
});

test("the player page says which codec the browser does not play", { timeout: 200_000 }, async () => {
  await use({ name: "Theatre", video_format: "hevc", video_preset: "ultrafast" });
  const page = await browser.newPage();
  await page.goto(`${server.base}/player/${channel.number}`);
  await until("a word about it", 60_000, async () => (await page.locator("#veil").textContent()).includes("cannot play HEVC"));
  if (process.env.SHOTS) await page.screenshot({ path: join(process.env.SHOTS, "player-hevc.png") });
  await page.close();
});
