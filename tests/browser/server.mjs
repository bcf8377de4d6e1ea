// The server under test: the real binary on a free port with the demo library in a folder of its own.
import { spawn } from "node:child_process";
import { cpSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const TARGET = process.env.CARGO_TARGET_DIR ?? join(import.meta.dirname, "../../target");
const BIN = process.env.EXSTREAMTV_BIN ?? join(TARGET, "debug/exstreamtv");

/** Starts the server, with the demo or a folder of media; resolves with its address, its admin key and a way to end it. */
export async function startServer({ library } = {}) {
  const folder = mkdtempSync(join(tmpdir(), "exstreamtv-browser-"));
  const made = library ? null : process.env.EXSTREAMTV_DEMO ?? keptDemo();
  if (made) cpSync(made, join(folder, "demo"), { recursive: true, preserveTimestamps: true });
  const child = spawn(BIN, ["serve", ...(library ? ["--library", library] : ["--demo"]), "--port", "0", "--host", "127.0.0.1", "--data-dir", folder], {
    stdio: ["ignore", "pipe", "pipe"],
    env: { ...process.env, EXSTREAMTV_HDHOMERUN__UDP_PORT: "0" },
  });
  let output = "";
  const listening = new Promise((resolve, reject) => {
    const read = (piece) => {
      output += piece;
      const found = output.match(/listening on (127\.0\.0\.1:\d+)/);
      if (found) resolve(found[1]);
    };
    child.stdout.on("data", read);
    child.stderr.on("data", read);
    child.on("error", reject);
    child.on("exit", (code) => reject(new Error(`the server ended with ${code}:\n${output.slice(-3000)}`)));
  });
  const stop = async () => {
    if (child.exitCode === null && child.signalCode === null) {
      const ended = new Promise((resolve) => child.once("exit", resolve));
      child.kill("SIGTERM");
      const forced = setTimeout(() => child.kill("SIGKILL"), 15_000);
      await ended;
      clearTimeout(forced);
    }
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    const host = await listening;
    const base = `http://${host}`;
    const least = library ? 1 : 3;
    await until("channels on the air", 180_000, async () => {
      const channels = await get(base, "/api/channels");
      return channels.length >= least && channels.every((channel) => channel.now?.id);
    });
    return { base, host, folder, stop, key: () => output.match(/admin key\W+([\w-]{16,})/i)?.[1], output: () => output };
  } catch (error) {
    await stop();
    throw new Error(`${error.message}\n${output.slice(-3000)}`);
  }
}

/** The demo library that the other tests have made, if they have: making one takes a minute. */
function keptDemo() {
  const kept = join(TARGET, "tmp");
  if (!existsSync(kept)) return null;
  const age = (folder) => statSync(folder).mtimeMs;
  const made = readdirSync(kept).filter((name) => /^demo-\w+$/.test(name)).map((name) => join(kept, name));
  return made.filter((folder) => existsSync(join(folder, "demo.json"))).sort((a, b) => age(b) - age(a))[0] ?? null;
}

/** Reads JSON as a program would. */
export async function get(base, path) {
  const response = await fetch(base + path);
  if (!response.ok) throw new Error(`${path}: ${response.status} ${await response.text()}`);
  return response.json();
}

/** Waits until `check` holds, looking a few times a second. */
export async function until(what, withinMs, check) {
  const end = Date.now() + withinMs;
  let last = "";
  while (Date.now() < end) {
    try {
      const value = await check();
      if (value) return value;
    } catch (error) {
      last = error.message;
    }
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
  throw new Error(`waited ${withinMs / 1000} s for ${what}${last ? `: ${last}` : ""}`);
}
