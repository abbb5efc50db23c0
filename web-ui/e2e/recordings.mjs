// Recordings as people use them: a range of the timeline becomes an evidence package that verifies and plays offline, a hold that is
// shown, extended and released; a week is painted and read back; completeness is walked by keys. Prints one JSON object.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... SIGHTLINE=target/debug/sightline node e2e/recordings.mjs
import { execFileSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DEADLINE_MS, expect, judged, launch, SIZES, settings, signedIn, until } from "./lib.mjs";
import { unpack } from "./package.mjs";

const binary = resolve("..", process.env.SIGHTLINE ?? "target/debug/sightline");
const shots = process.env.SHOTS;
/** The gateway's own directory, where it is at hand. */
const data = process.env.DATA;
const work = mkdtempSync(join(tmpdir(), "recordings-"));
let page;
const { step, report } = judged({
  look: (what) => page.screenshot({ path: `${shots ?? "/tmp"}/recordings-${what}.png` }),
});
const ask = (path) => page.evaluate((to) => fetch(`/api/v1/${to}`).then((answer) => answer.json()), path);
const clockOf = async () => Number(await page.locator(".recorded-at").getAttribute("data-at"));
const known = () => until(page, () => document.querySelector(".timeline-panel")?.dataset.known === "true");
/** Marks a range with the pointer, by shares of the width. */
async function drag(from, to) {
  const box = await page.locator("canvas.timeline").boundingBox();
  const y = box.y + box.height / 2;
  await page.keyboard.down("Shift");
  await page.mouse.move(box.x + box.width * from, y);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * ((from + to) / 2), y);
  await page.mouse.move(box.x + box.width * to, y);
  await page.mouse.up();
  await page.keyboard.up("Shift");
  await page.waitForSelector(".marked");
}
const pause = async () => {
  await page.focus("canvas.timeline");
  if (await page.locator(".transport .accent[aria-label=Pause]").count()) await page.keyboard.press(" ");
  await page.waitForSelector(".transport .accent[aria-label=Play]");
};

/** A month that is as full as an answer may be: a gap in every other step, an event in every step. */
function fullMonth(url) {
  const query = new URL(url).searchParams;
  const [from, to, step] = [
    Date.parse(query.get("from")),
    Date.parse(query.get("to")),
    Number(query.get("resolution_ms")),
  ];
  const iso = (ms) => new Date(ms).toISOString();
  const [spans, gaps, marks] = [[], [], []];
  for (let at = from, n = 0; at + step <= to; at += step, n++) {
    const stretch = { start: iso(at), end: iso(at + step) };
    if (n % 2) gaps.push({ ...stretch, reason: { code: "no-route", text: "" } });
    else spans.push({ ...stretch, bytes: 1e8, missing_ms: 0, unavailable_ms: 0, unavailable: null });
    marks.push({ start: iso(at), end: iso(at), kind: "motion", count: 3, event: `e${at}` });
  }
  return { from: iso(from), to: iso(to), resolution_ms: step, spans, gaps, events: [], marks, incomplete: false };
}

const browser = await launch();
let other;
try {
  const session = await signedIn(browser, { locale: "en-GB" });
  page = session.page;
  let codes = [];
  await step("two cameras have something recorded", async () => {
    for (;;) {
      const all = (await ask("cameras")).filter((one) => one.recording);
      codes = all.slice(0, 2).map((one) => one.code);
      if (codes.length === 2) {
        const range = `from=${new Date(Date.now() - 600_000).toISOString()}&to=${new Date().toISOString()}`;
        const both = await Promise.all(codes.map((code) => ask(`cameras/${code}/recordings?${range}`)));
        const length = (one) => one.spans.reduce((sum, span) => sum + Date.parse(span.end) - Date.parse(span.start), 0);
        if (both.every((one) => length(one) > 25_000)) return;
      }
      await new Promise((done) => setTimeout(done, 500));
    }
  });
  await step("the timeline goes from a minute to a month and back, and what is asked for is bounded", async () => {
    await page.goto(`${settings.url}/playback?c=${codes.join()}`);
    await page.waitForSelector(".recorded-at[data-at]");
    await known();
    await pause();
    let asked = 0;
    page.on("request", (request) => {
      asked += /\/recordings\?.*resolution_ms/.test(request.url()) ? 1 : 0;
    });
    await page.selectOption(".spans select", { index: 7 });
    await until(page, () => document.querySelector(".timeline-panel").dataset.level === "3");
    await known();
    await page.focus("canvas.timeline");
    for (let n = 0; n < 12; n++) await page.keyboard.press("+");
    await page.mouse.move(960, 900);
    await until(page, () => document.querySelector(".timeline-panel").dataset.level === "0");
    await known();
    expect(asked <= 40, `${asked} requests`);
    return `${asked} requests`;
  });
  await step("the wheel zooms at the pointer, dragging moves", async () => {
    const shown = () =>
      page.evaluate(() => {
        const { ariaValueMin, ariaValueMax } = document.querySelector("canvas.timeline");
        return { from: Number(ariaValueMin), to: Number(ariaValueMax) };
      });
    await page.selectOption(".spans select", { index: 3 });
    await until(page, () => document.querySelector(".spans select").selectedIndex === 3);
    const box = await page.locator("canvas.timeline").boundingBox();
    const [x, y] = [box.x + box.width / 4, box.y + box.height / 2];
    const before = await shown();
    const under = ({ from, to }) => from + (to - from) / 4;
    await page.mouse.move(x, y);
    await page.mouse.wheel(0, -400);
    await until(
      page,
      (length) => {
        const { ariaValueMin, ariaValueMax } = document.querySelector("canvas.timeline");
        return ariaValueMax - ariaValueMin < length / 2;
      },
      before.to - before.from,
    );
    const closer = await shown();
    expect(Math.abs(under(closer) - under(before)) <= 2, `${under(before)} became ${under(closer)}`);
    await page.mouse.down();
    await page.mouse.move(x + box.width / 4, y, { steps: 3 });
    await page.mouse.up();
    await until(page, (from) => Number(document.querySelector("canvas.timeline").ariaValueMin) < from, closer.from);
    const moved = await shown();
    const wanted = closer.from - (closer.to - closer.from) / 4;
    expect(Math.abs(moved.from - wanted) <= 2, `${closer.from} became ${moved.from}, not ${wanted}`);
  });
  await step("a month that is as full as it may be is on the screen in time", async () => {
    const far = await browser.newPage({
      ignoreHTTPSErrors: true,
      viewport: SIZES.desk,
      storageState: await session.context.storageState(),
    });
    // The server's own part is the bench `timeline-30d`: here every answer comes 50 ms late, which is its bound. Given in the page
    // itself, since the driver takes its time to hand half a megabyte over.
    await far.addInitScript((make) => {
      const real = globalThis.fetch;
      const fullMonth = new Function(`return ${make}`)();
      const texts = new Map();
      globalThis.fetch = async (url, options) => {
        if (!/\/recordings\?.*resolution_ms=900000/.test(url)) return real(url, options);
        const whole = new URL(url, location.href).href;
        const text = texts.get(whole) ?? JSON.stringify(fullMonth(whole));
        texts.set(whole, text);
        await new Promise((done) => setTimeout(done, 50));
        return new Response(text, { headers: { "content-type": "application/json" } });
      };
    }, fullMonth.toString());
    await far.goto(`${settings.url}/playback?c=${codes[0]}`);
    await until(far, () => document.querySelector(".timeline-panel")?.dataset.known === "true");
    const took = await far.evaluate(
      () =>
        new Promise((done) => {
          const select = document.querySelector(".spans select");
          select.selectedIndex = 7;
          const begun = performance.now();
          select.dispatchEvent(new Event("change", { bubbles: true }));
          const look = () => {
            const { known, level } = document.querySelector(".timeline-panel").dataset;
            if (known === "true" && level === "3") requestAnimationFrame(() => done(performance.now() - begun));
            else requestAnimationFrame(look);
          };
          requestAnimationFrame(look);
        }),
    );
    await far.close();
    return `${Math.round(took)} ms`;
  });
  await step("what happened at a time is three actions away", async () => {
    const there = new Date((await clockOf()) - 12_000);
    const two = (n) => String(n).padStart(2, "0");
    const text = `${two(there.getHours())}:${two(there.getMinutes())}:${two(there.getSeconds())}`;
    await page.keyboard.press("g");
    await page.keyboard.type(text);
    await page.keyboard.press("Enter");
    await until(
      page,
      (at) => Math.abs(Number(document.querySelector(".recorded-at").dataset.at) - at) < 3000,
      Math.floor(there.getTime() / 1000) * 1000,
    );
    return text;
  });
  await step("brackets go to gaps, I and O mark, Escape lets go", async () => {
    await page.focus("canvas.timeline");
    await page.keyboard.press("i");
    await page.waitForSelector(".marked");
    await page.keyboard.press("o");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".marked", { state: "detached" });
  });
  let job;
  await step("a marked range becomes an evidence package", async () => {
    await page.goto(`${settings.url}/playback?c=${codes.join()}`);
    await page.waitForSelector(".recorded-at[data-at]");
    await page.selectOption(".spans select", { index: 2 });
    await known();
    await pause();
    const from = (await clockOf()) - 1;
    await page.focus("canvas.timeline");
    await page.keyboard.press("i");
    await page.waitForSelector(".marked");
    await page.keyboard.press("e");
    await page.waitForSelector("dialog[open] .camera-choice");
    await page.fill("dialog[open] textarea", "case 17 </script>");
    await until(page, () => !document.querySelector("dialog[open] .camera-choice").textContent.includes("…"));
    const said = await page.locator("dialog[open] .sum").textContent();
    await page.click("dialog[open] .button.accent");
    const link = await page.waitForSelector(".job-chip a");
    const id = new globalThis.URL(await link.evaluate((one) => one.href)).searchParams.get("job");
    // A reload loses nothing: the job is the gateway's.
    await page.goto(`${settings.url}/recordings?tab=evidence`);
    await page.waitForSelector(`.job[data-job="${id}"][data-state=done]`);
    job = await ask(`evidence/${id}`);
    expect(job.cameras.length === 2 && Date.parse(job.from) >= from - 1000, JSON.stringify(job));
    return said;
  });
  await step("it is downloaded, and sightline verify says that it is whole", async () => {
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.click(`.job[data-job="${job.id}"] .button.accent`),
    ]);
    const file = join(work, job.package.name);
    await download.saveAs(file);
    const { key } = await ask("signing-key");
    expect((await page.locator(".verify").textContent()).includes(key), "the key is not shown");
    const said = execFileSync(binary, ["verify", file, "--key", key], { encoding: "utf8" });
    expect(said.includes("genuine"), said);
    unpack(file, join(work, "unpacked"));
    return `${job.package.bytes} bytes`;
  });
  for (const locale of ["zh-CN", "en-GB"]) {
    await step(`its page plays from the disk, offline, ${locale}`, async () => {
      other = await browser.newContext({ viewport: SIZES.desk, offline: true, locale });
      const offline = await other.newPage();
      const faults = [];
      offline.on("request", (one) => !/^(file|data|blob):/.test(one.url()) && faults.push(one.url()));
      offline.on("pageerror", (error) => faults.push(String(error)));
      await offline.goto(pathToFileURL(join(work, "unpacked", "index.html")).href);
      await until(offline, () =>
        [...document.querySelectorAll("video")].every((video) => video.readyState >= 2 && video.videoWidth > 0),
      );
      expect((await offline.locator("video").count()) === 2, "not two cameras");
      expect((await offline.locator("#about").textContent()).includes("case 17 </script>"), "the reason is not there");
      await offline.click("#play");
      await until(offline, () => [...document.querySelectorAll("video")].every((video) => video.currentTime > 1));
      await offline.click("#play");
      for (const [size, room] of Object.entries(SIZES)) {
        await offline.setViewportSize(room);
        // The times along the line are redrawn when the window has told.
        await until(offline, () => {
          const end = document.querySelector("#line").getBoundingClientRect().right + 1;
          const ticks = [...document.querySelectorAll(".tick")].map((one) => one.getBoundingClientRect());
          const apart = ticks.every((one, n) => n === 0 || ticks[n - 1].right <= one.left + 1);
          return ticks.length > 1 && apart && ticks.every((one) => one.right <= end);
        });
        if (shots) await offline.screenshot({ path: join(shots, `offline-${locale}-${size}.png`), fullPage: true });
      }
      expect(faults.length === 0, faults.join());
      await other.close();
    });
  }
  await step(
    "a long package is cancelled half way: it says so, nothing of it is left, and the audit log names it",
    async () => {
      const cameras = (await ask("cameras"))
        .filter((one) => one.recording)
        .map((one) => one.code)
        .slice(0, 16);
      await page.goto(`${settings.url}/recordings?tab=evidence`);
      await page.waitForSelector(".job");
      let half = null;
      const asked = [];
      // One may be made before anybody can press: there is another behind it then.
      for (let n = 0; n < 12 && half === null; n++) {
        const [from, to] = [new Date(Date.now() - 300_000), new Date()];
        for (let k = asked.length; k < n + 3; k++) {
          const body = { cameras, from: from.toISOString(), to: to.toISOString(), reason: `long ${k}` };
          const job = await page.evaluate(async (wanted) => {
            const headers = { "content-type": "application/json" };
            const answer = await fetch("/api/v1/evidence", { method: "POST", headers, body: JSON.stringify(wanted) });
            return answer.ok ? answer.json() : { error: `${answer.status} ${await answer.text()}` };
          }, body);
          expect(job.id, job.error);
          asked.push(job.id);
        }
        await page.reload();
        const pressed = await (
          await page.waitForFunction(
            (ids) => {
              const running = [...document.querySelectorAll(".job[data-state=running]")];
              const job = running.find(
                (one) => ids.includes(one.dataset.job) && one.querySelector("progress").value > 0,
              );
              const all = ids.every((id) => document.querySelector(`.job[data-job="${id}"][data-state=done]`));
              if (!job) return all ? { id: null } : null;
              const said = { id: job.dataset.job, share: job.querySelector("progress").value };
              job.querySelector(".job-actions button").click();
              return said;
            },
            asked,
            { polling: 20 },
          )
        ).jsonValue();
        if (pressed.id === null) continue;
        await page.waitForSelector(`.job[data-job="${pressed.id}"]:is([data-state=cancelled], [data-state=done])`);
        const { state } = await ask(`evidence/${pressed.id}`);
        if (state === "cancelled") half = pressed;
      }
      expect(half !== null, "each was made before it could be cancelled");
      const card = page.locator(`.job[data-job="${half.id}"]`);
      const words = await card.locator(".job-state").textContent();
      expect(words === "Cancelled" && (await card.locator("button, progress").count()) === 0, `it says ${words}`);
      if (shots) await page.screenshot({ path: join(shots, "cancelled.png") });
      const post = (id, method, path = "") =>
        page.evaluate(
          ([to, how]) => fetch(to, { method: how }).then(() => null),
          [`/api/v1/evidence/${id}${path}`, method],
        );
      for (const id of asked) if (id !== half.id) await post(id, "POST", "/cancel");
      // What is written to stops at its next piece.
      const left = () => (data ? readdirSync(join(data, "evidence")) : []);
      const kept = async () =>
        (await ask("evidence?limit=200")).filter((one) => one.state === "done").map((one) => `${one.id}.zip`);
      const deadline = Date.now() + DEADLINE_MS;
      for (;;) {
        const wanted = await kept();
        const strays = left().filter((one) => !wanted.includes(one));
        if (strays.length === 0) break;
        expect(Date.now() < deadline, `left: ${strays}`);
        await new Promise((done) => setTimeout(done, 200));
      }
      expect(!left().includes(`${half.id}.zip`), "its package is there");
      const { entries } = await ask("audit?action=evidence-cancelled&limit=50");
      expect(
        entries.some((one) => one.object === half.id),
        JSON.stringify(entries[0]),
      );
      for (const id of asked) if (id !== half.id) await post(id, "DELETE");
      return `at ${Math.round(half.share * 100)} %`;
    },
  );
  let hold;
  await step("a range is held, and the timeline shows it", async () => {
    await page.goto(`${settings.url}/playback?c=${codes.join()}`);
    await page.waitForSelector(".recorded-at[data-at]");
    await known();
    await drag(0.4, 0.5);
    await page.keyboard.press("h");
    await page.waitForSelector("dialog[open] .hold-form");
    await page.fill("dialog[open] textarea", "测试留存");
    await page.click("dialog[open] .button.accent");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.waitForSelector(".groups .chip.plain");
    hold = (await ask("holds")).find((one) => one.reason === "测试留存");
    expect(hold.cameras.length === 2 && hold.until, JSON.stringify(hold));
  });
  await step("it is extended with a reason, and released only when that is meant", async () => {
    await page.goto(`${settings.url}/recordings?tab=holds`);
    const row = page.locator(`tr[data-hold="${hold.id}"]`);
    await row.locator(".button", { hasText: "Extend" }).click();
    await page.fill("dialog[open] textarea", "appeal");
    await page.click("dialog[open] .button.accent");
    await page.waitForSelector("dialog", { state: "detached" });
    await until(page, (id) => document.querySelector(`tr[data-hold="${id}"]`)?.textContent.includes("appeal"), hold.id);
    const longer = await ask(`holds/${hold.id}`);
    expect(Date.parse(longer.until) - Date.parse(hold.until) === 90 * 86_400_000, longer.until);
    await row.locator(".button.danger").click();
    await page.fill("dialog[open] textarea", "closed");
    expect(await page.locator("dialog[open] .button.danger").isDisabled(), "released without a word");
    await page.check("dialog[open] input[type=checkbox]");
    await page.click("dialog[open] .button.danger");
    await page.waitForSelector(`tr[data-hold="${hold.id}"]`, { state: "detached" });
    expect((await ask(`holds/${hold.id}`)).released.reason === "closed", "not released");
  });
  await step("a week is painted by pointer and keys, and read back", async () => {
    await page.goto(`${settings.url}/recordings?tab=plans`);
    await page.locator(`tr[data-camera="${codes[1]}"] .only-icon`).click();
    await page.locator("dialog[open] .choice [role=radio]", { hasText: "Weekly" }).click();
    await page.locator(".week-foot .button", { hasText: "None" }).click();
    const cell = (day, half) => page.locator(`.week-grid [data-cell="${day * 48 + half}"]`);
    const [a, b] = [await cell(0, 16).boundingBox(), await cell(4, 35).boundingBox()];
    await page.mouse.move(a.x + a.width / 2, a.y + a.height / 2);
    await page.mouse.down();
    await page.mouse.move(b.x + b.width / 2, b.y + b.height / 2, { steps: 4 });
    await page.mouse.up();
    await cell(6, 0).focus();
    await page.keyboard.press(" ");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("Shift+ArrowRight");
    await page.locator("dialog[open] .actions .accent").click();
    await page.waitForSelector("dialog", { state: "detached" });
    const plan = await ask(`cameras/${codes[1]}/recording-plan`);
    const windows = JSON.stringify(plan.windows);
    const wanted = JSON.stringify([
      { days: 64, from_min: 0, to_min: 90 },
      { days: 31, from_min: 480, to_min: 1080 },
    ]);
    expect(plan.mode === "weekly" && windows === wanted, windows);
    await page.locator(`tr[data-camera="${codes[1]}"] .only-icon`).click();
    await page.waitForSelector(`.week-grid [data-cell="16"].on`);
    expect((await page.locator(".week-grid .on").count()) === 103, "the week came back otherwise");
  });
  await step("the change says what it means, and is taken back", async () => {
    expect(/\d/.test(await page.locator(".effect").textContent()), "no figure");
    await page.locator("dialog[open] .actions .button", { hasText: "Inherit" }).click();
    await page.waitForSelector("dialog", { state: "detached" });
    expect((await ask(`cameras/${codes[1]}/recording-plan`)).of === "default", "it is still its own");
  });
  await step("many cameras at once", async () => {
    await page.locator(".plans-table thead input").check();
    await page.locator(".filters .button.accent").click();
    await page.fill("dialog[open] input[type=number]", "45");
    await page.locator("dialog[open] .actions .accent").click();
    await page.waitForSelector("dialog", { state: "detached" });
    const { cameras } = await ask("retention");
    expect(
      cameras.every((one) => one.keep_days === 45),
      "not all of them",
    );
    return `${cameras.length} cameras`;
  });
  await step("completeness is walked by arrows and tells why", async () => {
    await page.goto(`${settings.url}/recordings?tab=completeness`);
    await page.locator(".heat td[tabindex='0']").focus();
    await page.keyboard.press("ArrowDown");
    await page.waitForSelector(".heat-details h2");
    const [download] = await Promise.all([
      page.waitForEvent("download"),
      page.locator(".filters .button", { hasText: "CSV" }).click(),
    ]);
    return download.suggestedFilename();
  });
  await step("the disks say which they are", async () => {
    await page.goto(`${settings.url}/recordings?tab=storage`);
    await page.waitForSelector(".volumes li[data-state=in]");
    const { volumes } = await ask("storage");
    expect((await page.locator(".volumes").textContent()).includes(volumes[0].id), "no identity");
  });
  expect(session.strays.length === 0, `stray requests: ${session.strays}`);
  expect(session.errors.length === 0, session.errors.join());
} finally {
  await browser.close();
  rmSync(work, { recursive: true, force: true });
}
report();
