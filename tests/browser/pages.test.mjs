// Every page, looked at as a person would: what it shows, what it lets one do, whether everyone can
// read it. Against the real server with its demo library.
import assert from "node:assert/strict";
import { execSync } from "node:child_process";
import { cpSync, mkdirSync, readFileSync, readdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { after, afterEach, before, test } from "node:test";
import { chromium } from "playwright-core";

import { get, startServer, until } from "./server.mjs";

const AXE = createRequire(import.meta.url).resolve("axe-core/axe.min.js");
const WIDE = { width: 1280, height: 800 };
const PHONE = { width: 390, height: 844 };
const PAGES = ["/guide", "/player/1", "/channels", "/media", "/sessions", "/operator", "/connect", "/settings/profiles", "/settings/transcoding", "/settings/streaming", "/settings/watermarks", "/settings/slates", "/login"];

const GUIDE = /\/ui\/guide\?/;

let server;
let browser;
let open = [];

before(async () => {
  const chrome = process.env.CHROMIUM ?? execSync("command -v chromium || command -v chromium-browser || command -v google-chrome").toString().trim();
  [server, browser] = await Promise.all([
    startServer(),
    chromium.launch({ executablePath: chrome, args: ["--no-sandbox", "--host-resolver-rules=MAP tv.test 127.0.0.1"] }),
  ]);
}, { timeout: 240_000 });

after(async () => {
  await browser?.close();
  await server?.stop();
});

afterEach(async () => {
  for (const { context } of open) await context.close();
  open = [];
});

/** A fresh browser profile on `path`; what goes wrong in the page is kept and looked at by `calm`. */
async function visit(path, { size = WIDE, scheme = "light", base = server.base } = {}) {
  const context = await browser.newContext({ viewport: size, colorScheme: scheme, reducedMotion: "reduce" });
  // A busy machine plans and draws slowly, and that is not what is tested here.
  context.setDefaultTimeout(60_000);
  const page = await context.newPage();
  const faults = [];
  page.on("pageerror", (error) => faults.push(String(error)));
  page.on("console", (message) => {
    if (message.type() === "error") faults.push(message.text());
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== base) faults.push(`asks ${url.origin}`);
  });
  open.push({ context, faults });
  await page.goto(base + path, { waitUntil: "domcontentloaded" });
  page.faults = faults;
  return page;
}

/** Waits until nothing on the page is still loading. */
async function settled(page) {
  await page.waitForFunction(() => document.readyState === "complete" && !document.querySelector("[aria-busy=true]"), null, { timeout: 20_000 });
}

function calm(page) {
  assert.deepEqual(page.faults, [], "errors in the browser's console");
}

async function accessible(page, what) {
  // With a debugger's right, since the page's own policy refuses scripts from elsewhere.
  await page.evaluate(readFileSync(AXE, "utf8"));
  const found = await page.evaluate(() => axe.run({ runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"] }));
  const texts = found.violations.flatMap((rule) => rule.nodes.map((node) => `${rule.id}: ${node.target} ${node.failureSummary}`));
  assert.deepEqual(texts, [], `${what} breaks WCAG`);
}

async function keepPicture(page, name) {
  if (!process.env.SHOTS) return;
  mkdirSync(process.env.SHOTS, { recursive: true });
  await page.screenshot({ path: join(process.env.SHOTS, `${name}.png`) });
}

for (const path of PAGES) {
  for (const [name, size, scheme] of [["light", WIDE, "light"], ["dark", WIDE, "dark"], ["phone", PHONE, "dark"]]) {
    test(`${path} is quiet, readable by all and fits (${name})`, async () => {
      const page = await visit(path, { size, scheme });
      await settled(page);
      await page.waitForTimeout(400);
      assert.match(await page.title(), /EXStreamTV$/);
      assert.equal(await page.locator("h1").count(), 1);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= size.width, `the page is ${wide} px wide on ${size.width}`);
      const cut = await page.locator(".menu a").evaluateAll((links) => links.filter((link) => {
        const { left, right } = link.getBoundingClientRect();
        const word = link.querySelector("span");
        return left < 0 || right > innerWidth || word.scrollWidth > word.clientWidth + 1;
      }).map((link) => link.textContent));
      assert.deepEqual(cut, [], "every entry of the menu is there whole");
      await keepPicture(page, `${path.slice(1).replaceAll("/", "-")}-${name}`);
      await accessible(page, `${path} (${name})`);
      calm(page);
    });
  }
}

for (const [name, size, scheme] of [["light", WIDE, "light"], ["dark", WIDE, "dark"], ["phone", PHONE, "dark"]]) {
  test(`who watches is listed, shown out and remembered (${name})`, async () => {
    const agent = `Kodi/20.5 (${name})`;
    const [channel] = await get(server.base, "/api/channels?enabled=true");
    const watching = new AbortController();
    const answer = await fetch(`${server.base}/iptv/channel/${channel.number}.ts`, { headers: { "User-Agent": agent }, signal: watching.signal });
    const ended = (async () => {
      for await (const block of answer.body) if (block.length < 0) return;
    })();
    const page = await visit("/sessions", { size, scheme });
    const row = page.locator(".session-row", { has: page.locator(`[title="${agent}"]`) });
    await row.getByText("bit/s").waitFor();
    assert.match(await row.innerText(), /Kodi 20\.5[^]*127\.0\.0\.1[^]*bit\/s/);
    const wide = await page.evaluate(() => document.documentElement.scrollWidth);
    assert.ok(wide <= size.width, `the page is ${wide} px wide on ${size.width}`);
    await keepPicture(page, `sessions-now-${name}`);
    await accessible(page, `sessions (${name})`);
    // With the keyboard alone; the list is drawn anew meanwhile and keeps the focus.
    await row.getByRole("button").focus();
    await page.waitForTimeout(2_500);
    await page.keyboard.press("Enter");
    await page.locator("#confirm-go").click();
    await ended.catch((error) => assert.match(String(error), /terminated|aborted/));
    await row.waitFor({ state: "detached" });
    await until("the history", 30_000, async () => (await get(server.base, "/api/sessions/history")).some((session) => session.user_agent === agent));
    await page.click("#view-past");
    const gone = page.locator(".session-row.past", { has: page.locator(`[title="${agent}"]`) });
    await gone.waitFor();
    assert.match(await gone.innerText(), /ended by a person/);
    await keepPicture(page, `sessions-past-${name}`);
    await accessible(page, `past sessions (${name})`);
    calm(page);
    watching.abort();
  });
}

test("a chosen theme stays", async () => {
  const page = await visit("/connect", { scheme: "light" });
  const colour = () => page.evaluate(() => getComputedStyle(document.body).backgroundColor);
  const light = await colour();
  await page.click("#theme");
  const dark = await colour();
  assert.notEqual(light, dark);
  await page.reload();
  assert.equal(await colour(), dark);
});

test("the guide shows what is on now and is walked through with arrow keys", async () => {
  const page = await visit("/guide");
  await settled(page);
  const channels = await get(server.base, "/api/channels?enabled=true");
  const known = await get(server.base, "/ui/guide?minutes=5");
  assert.equal(known.channels.length, channels.length);
  for (const channel of known.channels) assert.ok(channel.programmes.length > 0, `${channel.name} has programmes`);
  await until("a current programme in every row", 30_000, async () => (await page.locator(".cell.on").count()) === channels.length);
  const shown = (await page.locator(".cell.on b").first().innerText()).trim();
  const titles = known.channels[0].programmes.map((programme) => programme.title);
  assert.ok(titles.includes(shown), `${shown} is one of ${titles}`);

  await page.locator('.cell[tabindex="0"]').focus();
  const focused = () => page.evaluate(() => ({ row: document.activeElement.dataset.row, start: Number(document.activeElement.dataset.start) }));
  const begin = await focused();
  await page.keyboard.press("ArrowRight");
  const right = await focused();
  assert.ok(right.row === begin.row && right.start > begin.start, "right is later");
  await page.keyboard.press("ArrowDown");
  assert.equal((await focused()).row, "1");
  await page.keyboard.press("ArrowUp");
  assert.equal((await focused()).row, "0");
  for (let i = 0; i < 40; i += 1) await page.keyboard.press("ArrowRight");
  await until("a cell with the focus far to the right", 30_000, async () => (await focused()).start > right.start);
  await page.keyboard.press("Home");
  await until("the focus back on now", 30_000, () => page.evaluate(() => document.activeElement.classList.contains("on")));
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await page.waitForURL(/\/player\/2$/);
  calm(page);
});

test("a guide of a thousand channels opens at once and is walked through", async () => {
  const page = await visit("/connect");
  await page.route(GUIDE, (route) => {
    const asked = new URL(route.request().url()).searchParams;
    const now = Date.now();
    const from = Number(asked.get("from") ?? now);
    const to = from + Number(asked.get("minutes")) * 60_000;
    const channels = Array.from({ length: 1000 }, (_, at) => {
      const programmes = [];
      for (let start = from - (at % 7) * 300_000; start < to; start += 2_400_000) {
        programmes.push({ start, stop: start + 2_400_000, title: `Film ${at + 1}`, description: "Words.", media: 1 });
      }
      return { id: at + 1, number: String(at + 1), name: `Channel ${at + 1}`, group: null, logo: null, viewers: 0, programmes };
    });
    return route.fulfill({ json: { now, from, to, channels } });
  });
  await page.goto(`${server.base}/guide`);
  await page.locator(".cell.on").first().waitFor();
  const cells = await page.locator(".cell").count();
  assert.ok(cells < 2000, `${cells} programmes were drawn, though few can be seen`);
  await page.locator('.cell[tabindex="0"]').focus();
  for (let i = 0; i < 60; i += 1) await page.keyboard.press("ArrowDown");
  await until("row 60", 30_000, () => page.evaluate(() => document.activeElement.dataset.row === "60"));
  assert.ok(await page.evaluate(() => {
    const cell = document.activeElement.getBoundingClientRect();
    const grid = document.querySelector(".grid").getBoundingClientRect();
    return cell.top >= grid.top && cell.bottom <= grid.bottom;
  }), "the chosen programme is in sight");
});

test("the guide says what is wrong and what to do", async () => {
  const page = await visit("/guide");
  await settled(page);
  const fault = { detail: [{ loc: ["server"], msg: "the guide is not available: planning", type: "unavailable", fix: "try again in a few seconds" }] };
  await page.route(GUIDE, (route) => route.fulfill({ status: 503, json: fault }));
  await page.click("#zoom-out");
  await page.getByText("Try again in a few seconds.").waitFor();
  await page.unroute(GUIDE);
  await page.getByRole("button", { name: "Try again" }).click();
  await page.locator(".cell.on").first().waitFor();
});

test("the player plays: the picture moves as fast as time", async () => {
  const page = await visit("/player/1");
  await page.locator('#stage[data-state="playing"]').waitFor({ timeout: 30_000 });
  await page.waitForTimeout(1500);
  const read = () => page.evaluate(() => {
    const video = document.querySelector("video");
    const quality = video.getVideoPlaybackQuality();
    const end = video.buffered.length ? video.buffered.end(video.buffered.length - 1) : 0;
    return { at: performance.now() / 1000, time: video.currentTime, frames: quality.totalVideoFrames, dropped: quality.droppedVideoFrames, ahead: end - video.currentTime, width: video.videoWidth, muted: video.muted };
  });
  const a = await read();
  await page.waitForTimeout(6000);
  const b = await read();
  const wall = b.at - a.at;
  const profile = (await get(server.base, "/api/channels"))[0].profile;
  const rate = Number(profile.split("p")[1]);
  const report = `${wall.toFixed(2)} s: time +${(b.time - a.time).toFixed(2)} s, frames +${b.frames - a.frames} at ${rate}, dropped ${b.dropped - a.dropped}, ahead ${b.ahead.toFixed(1)} s`;
  console.log(report);
  assert.ok(b.time - a.time >= 0.9 * wall, report);
  assert.ok(b.frames - a.frames >= 0.9 * rate * wall, report);
  assert.ok(b.ahead > 0 && b.ahead < 25, report);
  assert.ok(b.width > 0);
  assert.equal(await page.getAttribute("#stage", "data-state"), "playing");
  const on = (await get(server.base, "/api/channels"))[0];
  const about = await page.locator("#about").innerText();
  assert.ok(about.includes(on.name));
  await keepPicture(page, "playing");
  calm(page);
});

test("the player starts silent where the browser insists, and says how to get the sound", async () => {
  const page = await visit("/connect");
  // Chromium now and then lets a picture begin with sound by itself; here it always insists.
  await page.addInitScript(() => {
    const play = HTMLMediaElement.prototype.play;
    HTMLMediaElement.prototype.play = function () {
      const refused = !this.muted && !navigator.userActivation.hasBeenActive;
      return refused ? Promise.reject(new DOMException("a gesture is wanted", "NotAllowedError")) : play.call(this);
    };
  });
  await page.goto(`${server.base}/player/1`);
  await page.locator('#stage[data-state="playing"]').waitFor({ timeout: 30_000 });
  // A start that is begun again tries with sound once more.
  await page.waitForFunction(() => document.querySelector("video").muted, null, { timeout: 15_000 });
  await page.getByRole("button", { name: "Turn the sound on" }).first().click();
  assert.equal(await page.evaluate(() => document.querySelector("video").muted), false);
  assert.equal(await page.locator("#unmute").isVisible(), false);
  await page.keyboard.press("m");
  assert.equal(await page.evaluate(() => document.querySelector("video").muted), true);
});

test("a browser without media source extensions plays HLS by itself", async () => {
  const page = await visit("/connect");
  await page.addInitScript(() => {
    delete window.MediaSource;
    delete window.ManagedMediaSource;
  });
  await page.goto(`${server.base}/player/1`);
  await page.locator('#stage[data-state="playing"]').waitFor({ timeout: 40_000 });
  assert.match(await page.getAttribute("video", "src"), /\/iptv\/channel\/1\.m3u8$/);
  const time = () => page.evaluate(() => document.querySelector("video").currentTime);
  const a = await time();
  await until("the picture to move", 15_000, async () => (await time()) > a + 2);
});

test("keys change the channel, and a channel that is none says so", async () => {
  const page = await visit("/player/1");
  await page.locator('#stage[data-state="playing"]').waitFor({ timeout: 30_000 });
  await page.keyboard.press("PageUp");
  await page.waitForURL(/\/player\/2$/);
  await page.locator('#stage[data-state="playing"]').waitFor({ timeout: 30_000 });
  await page.keyboard.press("3");
  await page.waitForURL(/\/player\/3$/);
  await page.locator('#zap a[aria-current="true"][data-number="3"]').waitFor();
  calm(page);
  await page.goto(`${server.base}/player/999`);
  await page.getByText("This channel is not on the air").waitFor();
});

test("a lost stream comes back by itself", async () => {
  const page = await visit("/player/1");
  await page.locator('#stage[data-state="playing"]').waitFor({ timeout: 30_000 });
  await page.route("**/iptv/channel/**", (route) => route.abort());
  await page.keyboard.press("PageUp");
  await page.locator('#stage[data-state="error"]').waitFor({ timeout: 15_000 });
  await page.getByRole("button", { name: "Try now" }).waitFor();
  await page.unroute("**/iptv/channel/**");
  await page.locator('#stage[data-state="playing"]').waitFor({ timeout: 30_000 });
});

test("a channel is made, changed, switched off and deleted", async () => {
  const page = await visit("/channels");
  await settled(page);
  await page.getByRole("button", { name: "New channel" }).click();
  await page.fill('[name="number"]', "0");
  await page.fill('[name="name"]', "Late Shift");
  await accessible(page, "the channel dialog");
  await keepPicture(page, "channel-dialog");
  await page.click("#channel-form button.main");
  await page.locator('[data-field="number"] .wrong').waitFor();
  assert.match(await page.locator('[data-field="number"] .wrong').innerText(), /1 to 9999/);
  await page.fill('[name="number"]', "41.5");
  await page.click("#channel-form button.main");
  const row = page.locator(".channel-row", { hasText: "Late Shift" });
  await row.waitFor();
  const made = (await get(server.base, "/api/channels")).find((channel) => channel.name === "Late Shift");
  assert.equal(made.number, "41.5");
  assert.equal(made.rules.items.length, 1);

  await row.getByRole("button", { name: "Edit Late Shift" }).click();
  await page.fill('[name="name"]', "Night Shift");
  await page.fill('[name="group"]', "Nights");
  await page.click("#add-line");
  await page.click("#channel-form button.main");
  await page.locator(".channel-row", { hasText: "Night Shift" }).waitFor();
  const changed = await get(server.base, `/api/channels/${made.id}`);
  assert.deepEqual([changed.name, changed.group, changed.rules.items.length], ["Night Shift", "Nights", 2]);

  await page.getByRole("switch", { name: "Offer Night Shift to players" }).click();
  await page.locator(".channel-row.off", { hasText: "Night Shift" }).waitFor();
  assert.equal((await get(server.base, `/api/channels/${made.id}`)).enabled, false);

  await page.getByRole("button", { name: "Delete Night Shift" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
  await page.locator(".channel-row", { hasText: "Night Shift" }).waitFor({ state: "detached" });
  assert.ok(!(await get(server.base, "/api/channels")).some((channel) => channel.id === made.id));
  const expected = page.faults.filter((fault) => !fault.includes("422"));
  assert.deepEqual(expected, []);
});

for (const [name, size, scheme] of [["light", WIDE, "light"], ["dark", WIDE, "dark"], ["phone", PHONE, "dark"]]) {
  test(`a collection is searched for with help and changed (${name})`, async () => {
    const page = await visit("/channels", { size, scheme });
    await settled(page);
    await page.click("#new-collection");
    await page.fill('#collection-form [name="name"]', `Sought ${name}`);
    await page.selectOption('#collection-form [name="what"]', "query");
    const field = page.locator("#query-text");
    await field.pressSequentially("gen");
    await page.locator("#query-list [role=option]", { hasText: "genre:" }).waitFor();
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Enter");
    assert.equal(await field.inputValue(), "genre:");
    await field.pressSequentially("thr");
    await page.locator("#query-list [role=option]", { hasText: "Thriller" }).waitFor();
    await accessible(page, `the collection form with choices (${name})`);
    await keepPicture(page, `collection-choices-${name}`);
    await page.keyboard.press("ArrowDown");
    await page.keyboard.press("Tab");
    assert.equal(await field.inputValue(), "genre:Thriller ");
    await page.locator("#query-found", { hasText: "Night Ferry" }).waitFor();
    await field.fill("yaer:1999");
    await page.locator("#query-found", { hasText: "There is no field" }).waitFor();
    await page.click("#collection-form button.main");
    await page.locator('[data-field="query"] .wrong').waitFor();
    await accessible(page, `the collection form with a mistake (${name})`);
    await keepPicture(page, `collection-mistake-${name}`);
    await field.fill("genre:thriller");
    await page.click("#collection-form button.main");
    const card = page.locator("#collections .card", { hasText: `Sought ${name}` });
    await card.waitFor();
    assert.match(await card.innerText(), /genre:thriller/);
    await card.getByRole("button", { name: `Edit the collection Sought ${name}` }).click();
    await page.selectOption('#collection-form [name="what"]', "multi");
    await page.locator("#members input").first().check();
    await keepPicture(page, `collection-several-${name}`);
    await page.click("#collection-form button.main");
    await page.locator("#collection-dialog").waitFor({ state: "hidden" });
    const saved = (await get(server.base, "/api/collections")).find((collection) => collection.name === `Sought ${name}`);
    assert.equal(saved.selector.collections.length, 1);
    await page.getByRole("button", { name: `Delete the collection Sought ${name}` }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Delete" }).click();
    await card.waitFor({ state: "detached" });
    assert.deepEqual(page.faults.filter((fault) => !fault.includes("422")), []);
  });
}

test("a restart shows what the guard answered", async () => {
  const page = await visit("/channels");
  await settled(page);
  // Only what runs can be restarted, and it runs while somebody watches.
  const watching = new AbortController();
  const stream = await fetch(`${server.base}/iptv/channel/1.ts`, { signal: watching.signal });
  const reader = stream.body.getReader();
  await reader.read();
  const drain = (async () => {
    while (!(await reader.read()).done);
  })().catch(() => {});
  const ask = async () => {
    await page.getByRole("button", { name: "Restart Demo Cinema" }).click();
    await page.click("#restart-go");
    await page.locator("#restart-answer .badge").waitFor();
    const answer = await page.locator("#restart-answer").innerText();
    await page.locator("#restart-dialog [data-close]").click();
    return answer;
  };
  assert.match(await ask(), /Permitted and done/);
  const second = await ask();
  assert.match(second, /The guard said no/);
  assert.match(second, /cooldown|30/i);
  watching.abort();
  await drain;
});

test("a library is added, its scan is shown, and what cannot be played says why", async () => {
  const folder = join(server.folder, "..", `${server.folder.split("/").at(-1)}-films`);
  const source = join(server.folder, "demo/Movies");
  mkdirSync(folder, { recursive: true });
  for (const name of readdirSync(source)) cpSync(join(source, name), join(folder, `Copy of ${name}`), { recursive: true });
  writeFileSync(join(folder, "Broken Reel (1931).mp4"), "this is no film");
  try {
    const page = await visit("/media");
    await settled(page);
    // Every state of the scan bar is kept: on a fast machine it is gone in a moment.
    await page.evaluate(() => {
      window.seen = [];
      new MutationObserver(() => {
        for (const bar of document.querySelectorAll(".scan [role=progressbar]")) window.seen.push(bar.parentElement.innerText);
      }).observe(document.querySelector("#libraries"), { childList: true, subtree: true });
    });
    await page.getByRole("button", { name: "Add a library" }).click();
    await page.fill('#library-form [name="path"]', "/no/such/folder");
    await page.fill('#library-form [name="name"]', "Test films");
    await page.click("#library-form button.main");
    await page.locator('[data-field="path"] .wrong').waitFor();
    await page.fill('#library-form [name="path"]', folder);
    await page.selectOption('#library-form [name="library_type"]', "movie");
    await page.click("#library-form button.main");
    const card = page.locator(".card", { hasText: "Test films" });
    await card.getByText(/files looked at/).waitFor({ timeout: 60_000 });
    const seen = await page.evaluate(() => window.seen);
    assert.ok(seen.length > 0, "the scan's progress was shown");
    await page.selectOption('[name="state"]', "corrupt");
    const broken = page.locator(".media-row", { hasText: "Broken Reel" });
    await broken.waitFor();
    assert.ok((await broken.locator(".why").innerText()).length > 5);
    await keepPicture(page, "media-corrupt");
    await page.selectOption('[name="state"]', "");
    await page.fill('[name="search"]', "ferry");
    await until("only what matches", 30_000, async () => /Night Ferry/.test(await page.locator("#media").innerText()) && !/Slow Light/.test(await page.locator("#media").innerText()));
    await page.fill('[name="search"]', "zzz nothing");
    await page.getByText("Nothing matches").waitFor();
    await card.getByRole("button", { name: "Remove Test films" }).click();
    await page.getByRole("dialog").getByRole("button", { name: "Remove" }).click();
    await card.waitFor({ state: "detached" });
  } finally {
    execSync(`rm -rf '${folder}'`);
  }
});

test("the operator's page tells an incident from trigger to verdict", async () => {
  // A channel without anything to play is a fault one can make at will.
  const body = JSON.stringify({ name: "Empty Room", number: "77", rules: { seed: 1, items: [] } });
  const made = await (await fetch(`${server.base}/api/channels`, { method: "POST", headers: { "content-type": "application/json" }, body })).json();
  try {
    await until("an incident on record", 30_000, async () => (await get(server.base, "/api/agent/incidents")).length > 0);
    const page = await visit("/operator");
    await page.locator(".incident").first().waitFor();
    await page.locator(".chain .badge.good").waitFor();
    await page.locator("#detail h2").waitFor();
    const incident = (await get(server.base, "/api/agent/incidents"))[0];
    await page.locator(`[data-incident="${incident.id}"]`).click();
    await page.locator("#detail", { hasText: incident.meaning }).waitFor();
    const file = await get(server.base, `/api/agent/incidents/${incident.id}`);
    if (file.records.length) {
      await until("its records", 30_000, async () => (await page.locator("#detail .step").count()) >= file.records.length);
      await page.locator("#detail .step details summary").last().click();
      assert.match(await page.locator("#detail pre").last().innerText(), /"hash"/);
    }
    await accessible(page, "the operator's page with an incident");
    await keepPicture(page, "operator-incident");
    await page.getByRole("button", { name: "Whole record" }).click();
    await page.locator("#log .step").first().waitFor();
    await accessible(page, "the whole record");
    await keepPicture(page, "operator-record");
    calm(page);
  } finally {
    await fetch(`${server.base}/api/channels/${made.id}`, { method: "DELETE" });
  }
});

test("the colour of a verdict says how it went, and a broken chain is said aloud", async () => {
  const at = (second) => `2026-01-02T03:04:${String(second).padStart(2, "0")}.000Z`;
  const incident = { id: 9, subject: "channel", subject_id: 1, media_id: null, cause: "STALL", meaning: "A running process makes no progress.", state: "resolved", opened_at: at(1), last_at: at(2), resolved_at: at(20), count: 3, reopened: 1, summary: "the conform of media 2 for channel 1 has been silent for 6 s" };
  const record = (seq, kind, body, actor = "agent") => ({ seq, at: at(seq), kind, actor, incident_id: 9, body, prev: "0".repeat(64), hash: "1".repeat(64) });
  const checks = [{ check: "kill_switch", passed: true, detail: "off" }, { check: "channel_cooldown", passed: false, detail: "9 s of 30 s" }];
  const action = { tool: "restart_channel", channel: 1 };
  const records = [
    record(1, "envelope", { step: 1, evidence: [{ kind: "beat" }], candidates: [{ cause: "STALL", score: 0.9 }] }),
    record(2, "plan", { cause: "STALL", confidence: 0.9, why: "the process is silent", chosen: { action } }),
    record(3, "denied", { action, reason: { denied: "channel_cooldown: 9 s of 30 s" }, checks }),
    record(4, "intent", { action, checks: checks.slice(0, 1) }),
    record(5, "outcome", { tool: "restart_channel", outcome: "done", took_ms: 120, detail: {} }),
    record(6, "verdict", { finding: "fixed", healthy_after_ms: 2400 }),
    record(7, "verdict", { finding: "worse", healthy_after_ms: null }),
  ];
  const page = await visit("/connect");
  await page.route("**/api/agent/incidents?*", (route) => route.fulfill({ json: [incident] }));
  await page.route("**/api/agent/incidents/9", (route) => route.fulfill({ json: { incident, records } }));
  await page.route("**/api/agent/audit/verify", (route) => route.fulfill({ json: { ok: false, records: 7, head: "1".repeat(64), fault: { fault: "edited", seq: 4 } } }));
  for (const scheme of ["light", "dark"]) {
    await page.emulateMedia({ colorScheme: scheme });
    await page.goto(`${server.base}/operator`);
    await page.locator(".chain .badge.bad").waitFor();
    await page.getByText("edited at record 4").waitFor();
    const kinds = async () => page.locator("#detail .step").evaluateAll((steps) => steps.map((step) => [...step.classList].at(-1)));
    await until("seven steps", 30_000, async () => (await kinds()).length === 7);
    assert.deepEqual(await kinds(), ["info", "info", "bad", "info", "good", "good", "bad"]);
    assert.match(await page.locator("#detail .step.bad .checks .no").first().innerText(), /channel cooldown\s+9 s of 30 s/);
    await accessible(page, `an incident with a verdict (${scheme})`);
    await keepPicture(page, `operator-verdict-${scheme}`);
  }
});

test("who is not on this machine logs in with the key, and out again", async () => {
  const away = server.base.replace("127.0.0.1", "tv.test");
  const page = await visit("/channels", { base: away });
  await page.waitForURL(/\/login\?next=%2Fchannels$/);
  await page.fill("#key", "not the key");
  await page.getByRole("button", { name: "Log in" }).click();
  await page.getByText("That is not a key of this server.").waitFor();
  await accessible(page, "the refused login");
  const key = server.key();
  assert.ok(key, "the first start prints an admin key");
  await page.fill("#key", key);
  await page.getByRole("button", { name: "Log in" }).click();
  await page.waitForURL(/\/channels$/);
  await page.locator(".channel-row").first().waitFor();
  await page.getByRole("button", { name: "Log out" }).click();
  await page.waitForURL(/\/login/);
  await page.goto(`${away}/media`);
  await page.waitForURL(/\/login\?next=%2Fmedia$/);
});
