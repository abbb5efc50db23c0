// The map of a whole district in a browser: 5,000 cameras and 500 events, in a gateway of its own.
//   node e2e/map-bench.mjs [--binary target/release/sightline] [--cameras 5000] [--events 500] [--dry]
// Prints its figures and puts them into target/bench/results.json (not with --dry):
//   map-first-picture (s)  from opening the page until the map has drawn its cameras; floor: the same page's answers alone
//   map-frame-rate (1/s)   frames while the map is dragged and zoomed; floor: frames while nothing moves, in the same run
//   first-script (kB)      gzipped, what the browser must have before anything is shown; map and player come later
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { gzipSync } from "node:zlib";
import { launch, SIZES, signedIn, until } from "./lib.mjs";
import { root, serve } from "./serve.mjs";

const option = (name, otherwise) => {
  const at = process.argv.indexOf(`--${name}`);
  return at < 0 ? otherwise : process.argv[at + 1];
};
const binary = resolve(option("binary", join(root, "target/release/sightline")));
const cameras = Number(option("cameras", 5000));
const events = Number(option("events", 500));
const regions = join(root, "configs/meixian/regions.csv");
const ROUNDS = 5;
const MOVE_MS = 4000;

// It watches and records nobody: what is measured is the page.
const QUIET = `[diagnosis]
enabled = false
[recording]
enabled = false
[events]
intake_per_minute = 100000
first_answer_s = 3600
connection_lost_s = 3600
`;

const gateway = await serve(binary, QUIET);
try {
  await fill(gateway);
  const figures = [await firstScript(), ...(await measure(gateway.url))];
  for (const { bench, value, unit, floor, ratio } of figures) {
    console.log(
      `${bench.padEnd(20)} ${value.toFixed(2).padStart(9)} ${unit.padEnd(4)} floor ${floor?.toFixed(2) ?? "-"}, ratio ${ratio?.toFixed(2) ?? "-"}`,
    );
  }
  if (!process.argv.includes("--dry")) keep(figures);
} finally {
  await gateway.close();
}

/** The cameras of a sample, tagged and recorded by nobody, and events at a tenth of them, each by itself. */
async function fill({ api, run, work }) {
  const sheet = join(work, "cameras.csv");
  run(["camera", "sample", sheet, "--regions", regions, "--cameras", String(cameras)]);
  // On this machine, where nobody answers, as long as they are asked at all.
  const text = readFileSync(sheet, "utf8").replaceAll("//10.", "//127.");
  const taken = await api("POST", "cameras/import?commit=1", text);
  if (!taken.committed) throw new Error(`the sample was not taken: ${JSON.stringify(taken.faults?.[0])}`);
  const all = await api("GET", "cameras");
  for (let n = 0; n < all.length; n += 500) {
    const codes = all.slice(n, n + 500).map((camera) => camera.code);
    await api("POST", "cameras/bulk", { codes, set: { tag: false }, commit: true });
  }
  const grades = ["IV", "III", "III", "II", "I"];
  const step = Math.max(1, Math.floor(all.length / events));
  for (let n = 0; n < events; n += 1) {
    const camera = all[(n * step) % all.length];
    // Two minutes apart: what happens together at one place is one.
    const start = new Date(Date.now() - n * 120_000).toISOString();
    await api("POST", "intake", {
      key: `bench-${n}`,
      text: `measured ${n}`,
      grade: grades[n % 5],
      camera: camera.code,
      start,
    });
  }
  const shown = (await api("GET", "events?limit=1000&state=all")).events.filter((one) => !one.repeats && !one.together);
  if (shown.length < events) throw new Error(`${shown.length} events stand by themselves, not ${events}`);
}

async function measure(url) {
  const browser = await launch();
  try {
    const { page, errors } = await signedIn(browser, { url, size: SIZES.desk, path: "/events" });
    const pictures = [];
    const floors = [];
    for (let n = 0; n <= ROUNDS; n += 1) {
      await page.goto(`${url}/map`);
      await until(page, () => performance.getEntriesByName("map-picture").length > 0);
      const at = await page.evaluate(() => performance.getEntriesByName("map-picture")[0].startTime);
      const drawn = await page.evaluate(() => document.querySelectorAll(".map-canvas canvas").length);
      if (drawn === 0) throw new Error("there is no map");
      // The least that any page would wait for: the same answers, one after the other's beginning.
      const least = await page.evaluate(async () => {
        const began = performance.now();
        const ask = (path) => fetch(`/api/v1/${path}`, { cache: "no-store" }).then((answer) => answer.json());
        await Promise.all(
          ["regions", "cameras", "events?limit=500&state=all", "incidents?state=all", "map/sketch.geojson"].map(ask),
        );
        return performance.now() - began;
      });
      // The first one fills the browser's cache of scripts.
      if (n > 0) {
        pictures.push(at);
        floors.push(least);
      }
    }
    const still = await frames(page, (ms) => page.waitForTimeout(ms));
    const panned = await frames(page, (ms) => pan(page, ms));
    const zoomed = await frames(page, (ms) => zoom(page, ms));
    // Close by, where cameras are drawn one by one and in clusters.
    for (let n = 0; n < 3; n += 1) {
      await page.click(".map-zoom .button >> nth=0");
      await page.waitForTimeout(600);
    }
    const near = await frames(page, (ms) => pan(page, ms));
    const zoomedNear = await frames(page, (ms) => zoom(page, ms));
    console.log(
      `frames a second: still ${still.rate.toFixed(1)}, dragged ${panned.rate.toFixed(1)} and ${near.rate.toFixed(1)}, ` +
        `zoomed ${zoomed.rate.toFixed(1)} and ${zoomedNear.rate.toFixed(1)}; longest frame ${Math.max(panned.worst, near.worst, zoomed.worst, zoomedNear.worst).toFixed(0)} ms`,
    );
    if (errors.length > 0) throw new Error(errors[0]);
    const moved = [panned, zoomed, near, zoomedNear];
    const rate = moved.reduce((sum, one) => sum + one.frames, 0) / moved.reduce((sum, one) => sum + one.seconds, 0);
    return [
      figure("map-first-picture", median(pictures) / 1000, "s", median(floors) / 1000),
      figure("map-frame-rate", rate, "1/s", still.rate),
    ];
  } finally {
    await browser.close();
  }
}

/** Frames that the browser shows while something is done. */
async function frames(page, act) {
  await page.evaluate(() => {
    const seen = [];
    const count = (at) => {
      seen.push(at);
      if (!globalThis.benchOver) requestAnimationFrame(count);
    };
    globalThis.benchOver = false;
    globalThis.benchFrames = seen;
    requestAnimationFrame(count);
  });
  await act(MOVE_MS);
  const seen = await page.evaluate(() => {
    globalThis.benchOver = true;
    return globalThis.benchFrames;
  });
  const gaps = seen.slice(1).map((at, n) => at - seen[n]);
  const seconds = (seen.at(-1) - seen[0]) / 1000;
  return { frames: gaps.length, seconds, rate: gaps.length / seconds, worst: Math.max(...gaps) };
}

async function pan(page, ms) {
  const box = await page.locator(".map-canvas").boundingBox();
  const [x, y] = [box.x + box.width / 2, box.y + box.height / 2];
  const began = Date.now();
  await page.mouse.move(x, y);
  await page.mouse.down();
  for (let n = 0; Date.now() - began < ms; n += 1) {
    // Round in a circle, 8 px a step: as a hand drags.
    await page.mouse.move(x + 240 * Math.sin(n / 30), y + 160 * Math.cos(n / 30) - 160);
  }
  await page.mouse.up();
}

async function zoom(page, ms) {
  const box = await page.locator(".map-canvas").boundingBox();
  await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
  const began = Date.now();
  for (let n = 0; Date.now() - began < ms; n += 1) {
    await page.mouse.wheel(0, n % 8 < 4 ? -120 : 120);
    await page.waitForTimeout(120);
  }
}

/** What index.html loads before anything is shown: its scripts, and those they need at once. */
function firstScript() {
  const dist = join(root, "web-ui/dist");
  const html = readFileSync(join(dist, "index.html"), "utf8");
  const names = [...html.matchAll(/(?:src|href)="([^"]+\.js)"/g)].map((found) => found[1]);
  if (names.length === 0) throw new Error(`no script in ${dist}/index.html: ${readdirSync(dist)}`);
  const size = names.reduce((sum, name) => sum + gzipSync(readFileSync(join(dist, name)), { level: 9 }).length, 0);
  return figure("first-script", size / 1000, "kB", null);
}

function figure(bench, value, unit, floor) {
  return { bench, value, unit, floor, ratio: floor === null ? null : value / floor };
}

function median(list) {
  const sorted = [...list].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)];
}

function keep(figures) {
  const folder = join(root, "target/bench");
  const file = join(folder, "results.json");
  mkdirSync(folder, { recursive: true });
  const old = existsSync(file) ? JSON.parse(readFileSync(file, "utf8")) : [];
  const names = new Set(figures.map((one) => one.bench));
  writeFileSync(file, JSON.stringify([...old.filter((one) => !names.has(one.bench)), ...figures], null, 2));
}
