// Every page that the navigation reaches is whole: it loads, it is accessible, and it asks nobody
// but this server.

import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { after, before, test } from "node:test";
import { startBrowser, startServer } from "./server.mjs";

const axe = createRequire(import.meta.url).resolve("axe-core/axe.min.js");

let server;
let browser;

before(async () => {
  server = await startServer();
  browser = await startBrowser();
});

after(async () => {
  await browser?.close();
  await server?.stop();
});

test("every page in the navigation is whole", { timeout: 120_000 }, async () => {
  const paths = await navigation();
  assert.ok(paths.length >= 4, `the navigation has ${paths}`);
  for (const path of paths) {
    const page = await watchedPage();
    const answer = await page.goto(server.base + path, { waitUntil: "load" });
    assert.equal(answer.status(), 200, path);
    assert.notEqual(await page.title(), "", path);
    await page.addScriptTag({ path: axe });
    const { violations } = await page.evaluate(() =>
      axe.run({ runOnly: ["wcag2a", "wcag2aa"] }),
    );
    assert.deepEqual(violations.map((v) => `${v.id}: ${v.nodes[0].html}`), [], path);
    assert.deepEqual(page.troubles, [], path);
    await page.close();
  }
});

/** Links of the navigation on the first page, each once. */
async function navigation() {
  const page = await watchedPage();
  await page.goto(`${server.base}/`, { waitUntil: "load" });
  const links = await page.$$eval("nav a[href^='/']", (all) => all.map((a) => a.pathname));
  await page.close();
  return [...new Set(["/", ...links])];
}

/** A page that writes down what goes wrong on it. */
async function watchedPage() {
  const context = await browser.newContext({ bypassCSP: true });
  const page = await context.newPage();
  page.troubles = [];
  page.on("pageerror", (error) => page.troubles.push(`error: ${error.message}`));
  page.on("console", (line) => {
    if (line.type() === "error") page.troubles.push(`console: ${line.text()}`);
  });
  page.on("request", (request) => {
    const url = new URL(request.url());
    if (url.protocol.startsWith("http") && url.origin !== server.base) {
      page.troubles.push(`asks ${url.origin}`);
    }
  });
  return page;
}
