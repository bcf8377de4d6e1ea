// Starts the server on a free port with the library that the other tests have made, and a browser.

import { spawn, execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createInterface } from "node:readline";
import { chromium } from "playwright-core";

const target = process.env.CARGO_TARGET_DIR ?? resolve(import.meta.dirname, "../../target");

/** A running server: its address, and how to end it. */
export async function startServer() {
  const kept = join(target, "tmp");
  const demo = existsSync(kept) && readdirSync(kept).find((name) => name.startsWith("demo-"));
  const media = demo ? ["--library", join(kept, demo)] : ["--demo"];
  const data = mkdtempSync(join(tmpdir(), "exstreamtv-browser-"));
  const child = spawn(
    join(target, "debug/exstreamtv"),
    ["serve", "--port", "0", "--host", "127.0.0.1", "--data-dir", data, ...media],
    {
      stdio: ["ignore", "pipe", "ignore"],
      env: { ...process.env, EXSTREAMTV_HDHOMERUN__UDP_PORT: "0" },
    },
  );
  const base = await new Promise((found, failed) => {
    child.once("exit", (code) => failed(new Error(`the server ended with ${code}`)));
    createInterface({ input: child.stdout }).on("line", (line) => {
      const address = line.match(/http:\/\/\S+/);
      if (address) found(address[0].replace(/\/+$/, ""));
    });
  });
  await until("a line-up", async () => {
    const answer = await fetch(`${base}/lineup.json`);
    return answer.ok && (await answer.json()).length > 0;
  });
  const stop = async () => {
    const ended = new Promise((done) => child.once("exit", done));
    child.kill("SIGTERM");
    await ended;
    rmSync(data, { recursive: true, force: true });
  };
  return { base, stop };
}

/** Chromium without a window. */
export function startBrowser() {
  const executablePath = execFileSync("which", ["chromium"]).toString().trim();
  return chromium.launch({
    executablePath,
    headless: true,
    args: [
      "--no-sandbox",
      "--disable-gpu",
      "--disable-quic",
      "--disable-background-networking",
      "--disable-component-update",
      "--disable-sync",
      "--autoplay-policy=no-user-gesture-required",
    ],
  });
}

/** Waits until `ready` says yes, at most a minute. */
export async function until(what, ready) {
  const end = Date.now() + 60_000;
  while (!(await ready())) {
    if (Date.now() > end) throw new Error(`waited in vain for ${what}`);
    await new Promise((wake) => setTimeout(wake, 100));
  }
}
