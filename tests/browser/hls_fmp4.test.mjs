// Fragmented MP4 as hls.js plays it in Chromium: across items, plainly and with low latency.
import assert from "node:assert/strict";
import { execFileSync, execSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { after, before, test } from "node:test";
import { chromium } from "playwright-core";

import { get, startServer, until } from "./server.mjs";

const HLS = readFileSync(createRequire(import.meta.url).resolve("hls.js/dist/hls.min.js"), "utf8");
const LENGTH = 10;
const SECONDS = Number(process.env.PLAY_SECONDS ?? 24);

let films;
let server;
let browser;

before(async () => {
  films = mkdtempSync(join(tmpdir(), "exstreamtv-films-"));
  // Two encoders' settings, so that the items have other parameter sets; both are copied.
  for (const [film, how] of [["one", "-preset ultrafast -bf 0"], ["two", "-preset veryfast -bf 2"]]) {
    execFileSync("ffmpeg", ["-v", "error", "-f", "lavfi", "-i", `testsrc2=s=640x360:r=25:d=${LENGTH}`, "-f", "lavfi", "-i", `sine=f=440:d=${LENGTH}:r=48000,aformat=channel_layouts=stereo`,
      ..."-pix_fmt yuv420p -c:v libx264 -g 50 -sc_threshold 0 -c:a aac".split(" "), ...how.split(" "), join(films, `${film}.mp4`)]);
  }
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

/** Plays `url`, and says in `look` how it goes. */
function play([url, low]) {
  document.body.innerHTML = "<video muted></video>";
  const video = document.querySelector("video");
  const hls = new Hls({ lowLatencyMode: low });
  const seen = { began: 0, waits: [], faults: [], kinds: new Set(), inits: new Set() };
  hls.on(Hls.Events.ERROR, (_, data) => seen.faults.push(`${data.fatal ? "fatal " : ""}${data.details} ${data.reason ?? ""} ${data.error ?? ""}`));
  hls.on(Hls.Events.FRAG_LOADED, (_, { frag, part }) => {
    seen.kinds.add((part?.url ?? frag.url).replace(/.*[.]/, "") + (part ? " part" : ""));
    if (frag.initSegment) seen.inits.add(frag.initSegment.url);
  });
  video.addEventListener("playing", () => {
    if (!seen.began) Object.assign(seen, { began: performance.now(), startedAt: video.currentTime, first: video.getVideoPlaybackQuality() });
  });
  for (const event of ["waiting", "error"]) video.addEventListener(event, () => seen.began && seen.waits.push(`${event} at ${video.currentTime.toFixed(2)}`));
  hls.loadSource(url);
  hls.attachMedia(video);
  video.play();
  window.look = () => {
    if (!seen.began) return { began: false, faults: seen.faults };
    const quality = video.getVideoPlaybackQuality();
    return {
      began: true, waits: seen.waits, faults: seen.faults, kinds: [...seen.kinds], inits: seen.inits.size,
      wall: (performance.now() - seen.began) / 1000, played: video.currentTime - seen.startedAt, shown: quality.totalVideoFrames - seen.first.totalVideoFrames,
    };
  };
}

test("fragmented MP4 plays across items, plainly and with low latency", { timeout: 400_000 }, async () => {
  await send("POST", "/api/ffmpeg-profiles", { name: "Fragments", width: 640, height: 360, framerate: 25, hls_format: "fmp4" });
  const [channel] = await get(server.base, "/api/channels");
  await send("PUT", `/api/channels/${channel.id}`, { profile: "Fragments" });
  const folder = `${server.base}/iptv/hls/${channel.number}`;
  await until("a channel that is prepared", 120_000, async () => {
    const playlist = await (await fetch(`${folder}/live.m3u8`)).text();
    return playlist.includes("EXT-X-MAP") && playlist.split("#EXTINF").length > 6;
  });
  for (const low of [false, true]) {
    const page = await browser.newPage({ bypassCSP: true });
    await page.goto(`${server.base}/login`);
    await page.addScriptTag({ content: HLS });
    await page.evaluate(play, [`${folder}/${low ? "master-low" : "master"}.m3u8`, low]);
    let now;
    await until(`${SECONDS} s of play`, (SECONDS + 60) * 1000, async () => {
      now = await page.evaluate(() => window.look());
      return now.played >= SECONDS;
    }).catch((error) => assert.fail(`${error.message}: ${JSON.stringify(now)}`));
    console.log(JSON.stringify({ low, ...now }));
    const said = JSON.stringify(now);
    assert.deepEqual(now.faults.filter((fault) => fault.startsWith("fatal")), [], said);
    assert.ok(now.kinds.every((kind) => kind.startsWith("m4s")), said);
    assert.ok(!low || now.kinds.includes("m4s part"), said);
    assert.ok(now.inits >= 2, "it came by items with other parameters: " + said);
    // A picture that stands while the clock goes on would show here.
    assert.ok(now.shown >= 0.9 * 25 * now.played, said);
    await page.close();
  }
});
