// Nine recordings on one clock, judged by the pictures on the screen: how far apart they are, at several speeds, after steps and
// seeks. Prints one JSON object; the status is 1 when a step fails.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... node e2e/replay.mjs
// Twice: by WebCodecs, and on a plain origin, which has none, by MSE. SKEW_MS: what is allowed between two cameras (200).
import { DEADLINE_MS, expect, judged, launch, settings, signedIn, until } from "./lib.mjs";

const MOST = 9;
const LIMIT_MS = Number(process.env.SKEW_MS ?? 200);
/** A group of the demonstration's cameras, and a picture. */
const GROUP_MS = 2040;
const SAMPLES = 40;
/** `WebCodecs` or `MSE`: the one alone. */
const only = process.env.BY;

let page;
let by = "";
const { step: taken, report } = judged({
  look: async (what) => {
    console.error(JSON.stringify(await stands(), null, 1));
    await page.screenshot({ path: `${process.env.SHOTS ?? "/tmp"}/replay-${what}.png` });
  },
});
/** Which pane shows what, and where the clock stands what each of them says to that. */
const stands = () =>
  page.evaluate(() =>
    [...document.querySelectorAll(".pane")].map((pane) => ({
      state: pane.dataset.state,
      at: Number(pane.querySelector(".recorded canvas")?.dataset.at),
      stands: pane.querySelector(".recorded")?.dataset.stands,
    })),
  );
const step = (name, work) => taken(`${by}: ${name}`, work);

/** Cameras with so many seconds recorded up to now, and a moment that all of them have. */
async function recorded(seconds) {
  const deadline = performance.now() + 4 * DEADLINE_MS;
  for (;;) {
    const found = await page.evaluate(async (wanted) => {
      const cameras = await fetch("/api/v1/cameras").then((answer) => answer.json());
      const now = Date.now();
      const [from, to] = [new Date(now - 600_000).toISOString(), new Date(now).toISOString()];
      const out = [];
      for (const camera of cameras.filter((one) => one.recording)) {
        const query = `from=${encodeURIComponent(from)}&to=${encodeURIComponent(to)}`;
        const answer = await fetch(`/api/v1/cameras/${camera.code}/recordings?${query}`).then((one) => one.json());
        const span = answer.spans?.at(-1);
        if (!span) continue;
        const [start, end] = [Date.parse(span.start), Date.parse(span.end)];
        if (end - start > wanted * 1000) out.push({ code: camera.code, start, end });
      }
      return out;
    }, seconds);
    const nine = found.slice(0, MOST);
    const start = Math.max(...nine.map((one) => one.start));
    const end = Math.min(...nine.map((one) => one.end));
    if (nine.length === MOST && end - start > (seconds - 10) * 1000)
      return { codes: nine.map((one) => one.code), start, end, all: nine };
    expect(performance.now() < deadline, `${nine.length} cameras with ${seconds} recorded seconds`);
    await new Promise((resolve) => setTimeout(resolve, 2000));
  }
}

/**
 * The pictures on the screen, looked at twenty times a second: how far the times of the earliest and the latest are apart, ms. Of
 * cameras whose picture counts: one that is waited for says so in its place.
 */
const measure = (samples) =>
  page.evaluate(
    ([count, most, deadline]) =>
      new Promise((resolve, reject) => {
        const end = performance.now() + deadline;
        const all = () =>
          [...document.querySelectorAll(".pane[data-state=ready] .recorded canvas")]
            .map((one) => Number(one.dataset.at))
            .filter((at) => at > 0);
        const skews = [];
        let fewest = 99;
        let first = all();
        let began = performance.now();
        const look = () => {
          const times = all();
          // It begins with the first moment that all of them show.
          if (skews.length === 0 && times.length < most) {
            if (performance.now() > end) reject(new Error(`${times.length} of ${most} show a picture`));
            else setTimeout(look, 50);
            return;
          }
          if (skews.length === 0) [first, began] = [times, performance.now()];
          fewest = Math.min(fewest, times.length);
          if (times.length > 1) skews.push(Math.max(...times) - Math.min(...times));
          if (skews.length < count) {
            setTimeout(look, 50);
            return;
          }
          const sorted = [...skews].sort((a, b) => a - b);
          const moved = times.map((at, n) => at - first[n]);
          resolve({
            cameras: times.length,
            fewest,
            p50: Math.round(sorted[Math.floor(sorted.length / 2)]),
            p95: Math.round(sorted[Math.floor(sorted.length * 0.95)]),
            most: Math.round(sorted.at(-1)),
            rate: Number((Math.min(...moved) / (performance.now() - began)).toFixed(2)),
            fastest: Number((Math.max(...moved) / (performance.now() - began)).toFixed(2)),
          });
        };
        look();
      }),
    [samples, MOST, DEADLINE_MS],
  );
const ready = () => until(page, (count) => document.querySelectorAll(".pane[data-state=ready]").length === count, MOST);
const shown = () =>
  page.evaluate(() => [...document.querySelectorAll(".recorded canvas")].map((one) => Number(one.dataset.at)));
/** The picture that the first camera shows at rest: on a busy machine one before it may be seen for a moment. */
async function rested() {
  for (let [before] = await shown(); ; ) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    const [now] = await shown();
    if (now === before) return now;
    before = now;
  }
}
/** What must hold whatever decodes. */
async function judge(url, place, element) {
  const open = async (at) => {
    await page.goto(`${url}/playback?c=${place.codes.join(",")}&t=${new Date(at).toISOString()}`);
    await page.waitForSelector(".transport[data-way=wire]");
    await ready();
  };
  await step("nine open on one clock, by the wire", async () => {
    await open(place.start + 5000);
    expect((await page.locator(`.recorded ${element}`).count()) >= MOST, `not by ${element}`);
  });
  await step("at their own speed they are together", async () => {
    const skew = await measure(SAMPLES);
    expect(skew.cameras >= MOST, `${skew.cameras} pictures`);
    expect(skew.p95 < LIMIT_MS, JSON.stringify(skew));
    // On a machine that cannot decode nine at once all go slower together.
    expect(skew.rate > 0.1 && skew.fastest < 1.3, JSON.stringify(skew));
    return skew;
  });
  await step("a seek brings them all there", async () => {
    await page.focus("canvas.timeline");
    await page.keyboard.press(" ");
    await page.waitForSelector(".transport .accent[aria-label=Play]");
    const before = await shown();
    for (let n = 0; n < 3; n++) await page.keyboard.press("ArrowRight");
    await until(
      page,
      ([old, limit]) => {
        const now = [...document.querySelectorAll(".recorded canvas")].map((one) => Number(one.dataset.at));
        return now.every((at, n) => at > old[n] + 1500) && Math.max(...now) - Math.min(...now) < limit;
      },
      [before, LIMIT_MS],
    );
    const now = await shown();
    return { skew: Math.round(Math.max(...now) - Math.min(...now)) };
  });
  await step("a step back shows the picture before, a step on the one behind", async () => {
    const first = await rested();
    await page.keyboard.press(",");
    await until(page, (old) => Number(document.querySelector(".recorded canvas").dataset.at) < old, first);
    const back = await rested();
    expect(first - back > 10 && first - back < 150, `back by ${first - back} ms`);
    await page.keyboard.press(".");
    await until(page, (old) => Number(document.querySelector(".recorded canvas").dataset.at) > old, back);
    const on = await rested();
    expect(Math.abs(on - first) < 1, `on to ${on - first} ms from where it was`);
    return { frame_ms: Number((first - back).toFixed(1)) };
  });
  await step("at sixteen times the speed key frames of all come", async () => {
    await open(place.start + 2000);
    const before = Math.max(...(await shown()));
    await page.selectOption(".speed", "16");
    // What is measured is of the new speed: the old pictures stay until there are others.
    await until(
      page,
      ([old, most]) => {
        const panes = [...document.querySelectorAll(".pane[data-state=ready] .recorded canvas")];
        return panes.length === most && panes.every((one) => Number(one.dataset.at) > old + 4000);
      },
      [before, MOST],
    );
    // Not for long: a minute is over soon, and behind it is what is being recorded.
    const skew = await measure((SAMPLES * 3) / 4);
    // Each camera's key frames are at times of its own, two seconds apart: so far may the newest of two be from each other.
    expect(skew.p95 <= GROUP_MS && skew.p95 / 16 < LIMIT_MS, JSON.stringify(skew));
    expect(skew.rate > 1, JSON.stringify(skew));
    return skew;
  });
  await step("a recording opens at its very first picture, and plays on", async () => {
    const { code, start } = place.all[0];
    await page.goto(`${url}/playback?c=${code}&t=${new Date(start).toISOString()}`);
    await page.waitForSelector(".pane[data-state=ready]");
    await until(page, () => document.querySelector(".recorded canvas")?.dataset.at !== undefined);
    const [at] = await shown();
    expect(at - start < 2000 && at - start > -200, `${at - start} ms from its beginning`);
    await until(page, (old) => Number(document.querySelector(".recorded canvas").dataset.at) > old, at);
    return { after_ms: Math.round(at - start) };
  });
  await step("it is heard, or says that it has no sound", async () => {
    await page.focus("canvas.timeline");
    await page.keyboard.press("m");
    await page.waitForSelector(".pane .caption button[aria-pressed=true]");
    await until(page, () => document.querySelectorAll(".pane[data-state=ready]").length === 1);
    const words = () => page.locator(".pane .caption button[aria-pressed=true]").getAttribute("data-sound");
    await until(page, () => document.querySelector("[data-sound]")?.dataset.sound !== "opening");
    const said = await words();
    expect(element === "video" || said === "on" || said === "none", `sound: ${said}`);
    await page.keyboard.press("m");
    await page.waitForSelector(".pane .caption button[aria-pressed=false]");
    return said;
  });
  await step("backwards they go back", async () => {
    await open(place.end - 8000);
    await page.focus("canvas.timeline");
    await page.keyboard.press("j");
    await page.keyboard.press("j");
    const before = Math.max(...(await shown()));
    await until(
      page,
      (old) => [...document.querySelectorAll(".recorded canvas")].every((one) => Number(one.dataset.at) < old - 6000),
      before,
    );
    await page.keyboard.press("k");
  });
}

const local = new globalThis.URL(settings.url);
/** The same gateway under a name that is no secure origin to a browser. */
const PLAIN = "sightline.local";
const plain = `http://${PLAIN}:${local.port}`;
const browser = await launch([`--host-resolver-rules=MAP ${PLAIN} 127.0.0.1`]);
try {
  let place;
  for (const [name, url, element] of [
    ["WebCodecs", settings.url, "canvas"],
    ["MSE", plain, "video"],
  ]) {
    if ((name === "MSE" && local.protocol !== "http:") || (only && only !== name)) continue;
    by = name;
    const session = await signedIn(browser, { locale: "en-GB", path: "/playback", url });
    page = session.page;
    await step("nine cameras have a minute recorded", async () => {
      place = await recorded(60);
      return `${Math.round((place.end - place.start) / 1000)} s that all have`;
    });
    if (place) await judge(url, place, element);
    await step("nothing was thrown, nothing left the origin", async () => {
      expect(session.errors.length === 0, session.errors.join("; "));
      expect(session.strays.length === 0, session.strays.join("; "));
    });
    await session.context.close();
  }
} finally {
  await browser.close();
}
report();
