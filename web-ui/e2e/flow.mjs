// What an operator does in the first five minutes, step by step. Prints one JSON object; the status is 1 when a step fails.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... node e2e/flow.mjs
import { launch, settings, signedIn } from "./lib.mjs";

const steps = [];
let page;
async function step(name, work) {
  const start = performance.now();
  try {
    const said = await work();
    steps.push({ name, ok: true, ms: Math.round(performance.now() - start), ...(said === undefined ? {} : { said }) });
  } catch (error) {
    steps.push({ name, ok: false, error: String(error).split("\n")[0] });
    await page
      ?.screenshot({ path: `${process.env.SHOTS ?? "/tmp"}/flow-failed-${steps.length}.png` })
      .catch(() => undefined);
  }
}
function expect(condition, words) {
  if (!condition) throw new Error(words);
}
const live = () => page.waitForSelector(".live-tile[data-state=live]", { timeout: 30_000 });
const clockOf = () => page.locator(".recorded-at").textContent();

const browser = await launch();
try {
  const session = await signedIn(browser, { locale: "en-GB" });
  page = session.page;
  await step("the first wall fills itself", async () => {
    await page.waitForFunction(() => new URLSearchParams(location.search).get("c")?.length > 0);
    await live();
    return page.locator(".grid > .tile").count();
  });
  await step("keys: 2 is four tiles, arrows focus, a reload restores", async () => {
    await page.keyboard.press("2");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    const before = page.url();
    expect(before.includes("l=4") && before.includes("f=1"), before);
    await page.reload();
    await page.waitForSelector(".grid > .tile.focused");
    expect(page.url() === before, `${before} became ${page.url()}`);
    expect((await page.locator(".grid > .tile").count()) === 4, "not four tiles");
  });
  await step("the focused tile gets the main stream", async () => {
    await live();
    await page.keyboard.press("i");
    await page.waitForFunction(
      () => document.querySelector(".focused .quality")?.textContent.startsWith("Main"),
      null,
      {
        timeout: 20_000,
      },
    );
    return (await page.locator(".focused .quality").textContent()).split("\n")[0];
  });
  await step("Space freezes and goes on", async () => {
    await page.keyboard.press(" ");
    await page.waitForSelector(".focused .live-tile[data-state=frozen]");
    await page.keyboard.press(" ");
    await page.waitForSelector(".focused .live-tile[data-state=live]");
  });
  await step("S saves a picture", async () => {
    const [download] = await Promise.all([page.waitForEvent("download"), page.keyboard.press("s")]);
    return download.suggestedFilename();
  });
  await step("the sheet of keys", async () => {
    await page.keyboard.press("?");
    await page.waitForSelector("dialog[open] kbd");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
  });
  await step("search by pinyin initials, Enter fills a tile", async () => {
    const name = await page.evaluate(() =>
      fetch("/api/v1/cameras")
        .then((answer) => answer.json())
        .then((list) => list.map((one) => one.name).find((text) => text.includes("广场") || text.includes("村"))),
    );
    expect(name, "no camera with a known name");
    const query = name.includes("广场") ? "gc" : "c";
    await page.fill(".camera-tree input", query);
    const found = await page.waitForSelector(".camera-tree .row[data-camera]");
    const code = await found.getAttribute("data-camera");
    await page.press(".camera-tree input", "Enter");
    await page.waitForSelector(`.tile.focused [data-camera="${code}"]`);
    await page.fill(".camera-tree input", "");
  });
  await step("Chinese and back", async () => {
    await page.click(".account > .button >> nth=0");
    await page.waitForFunction(() => document.querySelector(".rail a span").textContent === "电视墙");
    await page.click(".account > .button >> nth=0");
    await page.waitForFunction(() => document.querySelector(".rail a span").textContent === "Wall");
  });
  await step("playback plays, its clock runs, a seek lands", async () => {
    const code = new globalThis.URL(page.url()).searchParams.get("c").split(",").find(Boolean);
    await page.goto(`${settings.url}/playback?c=${code}`);
    await page.waitForFunction(() => document.querySelector(".recorded video")?.readyState >= 2, null, {
      timeout: 30_000,
    });
    const first = await clockOf();
    await page.waitForFunction((old) => document.querySelector(".recorded-at").textContent !== old, first);
    await page.focus("canvas.timeline");
    await page.keyboard.press(" ");
    await page.waitForTimeout(400);
    const paused = await clockOf();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await page.waitForFunction((old) => document.querySelector(".recorded-at").textContent < old, paused);
    return `${first} to ${paused}`;
  });
  await step("an event opens, is acknowledged with a note", async () => {
    await page.goto(`${settings.url}/events`);
    await page.waitForSelector("tr[data-open=true] .button", { timeout: 90_000 });
    await page.click("tr[data-open=true] .button");
    await page.waitForSelector("dialog[open] .side-by-side, dialog[open] .event-facts");
    await page.fill("dialog[open] .field input", "seen by the test");
    await page.click("dialog[open] .button.accent");
    await page.waitForFunction(() =>
      document.querySelector("dialog .notice")?.textContent.includes("seen by the test"),
    );
  });
  await step("it becomes an incident, which is closed only with a note", async () => {
    await page.click("dialog[open] .button:has-text('Open incident')");
    await page.fill("dialog[open] textarea", "opened by the test");
    await page.click("dialog[open] form .button.accent");
    await page.waitForSelector(".incident-detail");
    await page.click(".incident-detail .button:has-text('Close')");
    await page.waitForSelector(".field em");
    await page.fill(".incident-detail textarea", "closed by the test");
    await page.click(".incident-detail .button:has-text('Close')");
    await page.waitForFunction(() => document.querySelector(".incident-detail .state-word")?.textContent === "Closed");
  });
  await step("the map shows the district and opens a camera live", async () => {
    const code = await page.evaluate(() =>
      fetch("/api/v1/cameras")
        .then((answer) => answer.json())
        .then((list) => list.find((one) => one.place && one.state !== "offline")?.code),
    );
    await page.goto(`${settings.url}/map?c=${code}`);
    await page.waitForSelector(".map-canvas canvas");
    await live();
  });
  await step("signing out ends the session", async () => {
    await page.click(".account > .button >> nth=1");
    await page.click(".account .menu .button >> nth=2");
    await page.waitForSelector("input[name=password]");
    const status = await page.evaluate(() => fetch("/api/v1/cameras").then((answer) => answer.status));
    expect(status === 401, `cameras answered ${status}`);
  });
  await step("no request left the origin, nothing was thrown", () => {
    expect(session.strays.length === 0, session.strays.join(", "));
    expect(session.errors.length === 0, session.errors.join(", "));
  });
} finally {
  await browser.close();
}
const ok = steps.every((one) => one.ok);
console.log(JSON.stringify({ ok, steps }, null, 2));
process.exitCode = ok ? 0 : 1;
