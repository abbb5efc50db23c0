// What an operator does in the first five minutes, step by step. Prints one JSON object; the status is 1 when a step fails.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... node e2e/flow.mjs
import { expect, judged, launch, settings, signedIn, until } from "./lib.mjs";

let page;
/** A step that fails ends the run: those after it stand on what it did. */
const { step, report } = judged({
  look: (what) => page.screenshot({ path: `${process.env.SHOTS ?? "/tmp"}/flow-${what}.png` }),
});
const live = () => page.waitForSelector(".live-tile[data-state=live]");
const clockOf = async () => Number(await page.locator(".recorded-at").getAttribute("data-at"));
/** What the address says, once it says it: the browser's own word, since the driver hears of a change a little later. */
const address = (parts) =>
  until(
    page,
    (wanted) => {
      const search = new URLSearchParams(location.search);
      return Object.entries(wanted).every(([key, value]) => search.get(key) === value);
    },
    parts,
  );
const cameraOf = async (test) => {
  const list = await page.evaluate(() => fetch("/api/v1/cameras").then((answer) => answer.json()));
  return list.find(test);
};

const browser = await launch();
try {
  const session = await signedIn(browser, { locale: "en-GB" });
  page = session.page;
  await step("the first wall fills itself", async () => {
    await until(page, () => new URLSearchParams(location.search).get("c")?.length > 0);
    await live();
    return page.locator(".grid > .tile").count();
  });
  await step("keys: 2 is four tiles, arrows focus, a reload restores", async () => {
    await page.keyboard.press("2");
    await page.keyboard.press("ArrowRight");
    await page.keyboard.press("ArrowRight");
    await address({ l: "4", f: "1" });
    const before = await page.evaluate(() => location.href);
    await page.reload();
    await page.waitForSelector(".grid > .tile.focused");
    const after = await page.evaluate(() => location.href);
    expect(after === before, `${before} became ${after}`);
    expect((await page.locator(".grid > .tile").count()) === 4, "not four tiles");
  });
  await step("the focused tile gets the main stream", async () => {
    await page.waitForSelector(".focused .live-tile[data-state=live]");
    await page.keyboard.press("i");
    await until(page, () => document.querySelector(".focused .quality")?.textContent.startsWith("Main"));
    return (await page.locator(".focused .quality").textContent()).split("\n")[0];
  });
  await step("Space freezes and goes on", async () => {
    await page.waitForSelector(".focused .live-tile[data-state=live]");
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
    const known = await cameraOf((one) => one.name.includes("广场") || one.name.includes("村"));
    expect(known, "no camera with a known name");
    await page.fill(".camera-tree input", known.name.includes("广场") ? "gc" : "c");
    const found = await page.waitForSelector(".camera-tree .row[data-camera]");
    const code = await found.getAttribute("data-camera");
    await page.press(".camera-tree input", "Enter");
    await page.waitForSelector(`.tile.focused [data-camera="${code}"]`);
    await page.fill(".camera-tree input", "");
  });
  await step("Chinese and back", async () => {
    await page.click(".account > .button >> nth=0");
    await until(page, () => document.querySelector(".rail a span").textContent === "电视墙");
    await page.click(".account > .button >> nth=0");
    await until(page, () => document.querySelector(".rail a span").textContent === "Wall");
  });
  await step("playback plays, its clock runs, a seek lands", async () => {
    const code = await page.evaluate(() => new URLSearchParams(location.search).get("c").split(",").find(Boolean));
    await page.goto(`${settings.url}/playback?c=${code}`);
    await page.waitForSelector(".pane[data-state=ready]");
    const first = await clockOf();
    await until(page, (old) => Number(document.querySelector(".recorded-at").dataset.at) > old, first);
    await page.focus("canvas.timeline");
    await page.keyboard.press(" ");
    await page.waitForSelector(".transport .accent[aria-label=Play]");
    const paused = await clockOf();
    await page.keyboard.press("ArrowLeft");
    await page.keyboard.press("ArrowLeft");
    await until(page, (old) => Number(document.querySelector(".recorded-at").dataset.at) < old, paused);
    return `${paused - first} ms played`;
  });
  await step("an event opens, is acknowledged with a note", async () => {
    await page.goto(`${settings.url}/events`);
    await page.click("tr[data-open=true] .button");
    await page.waitForSelector("dialog[open] .side-by-side, dialog[open] .event-facts");
    await page.fill("dialog[open] .field input", "测试查看");
    await page.click("dialog[open] .button.accent");
    await until(page, () => document.querySelector("dialog .notice")?.textContent.includes("测试查看"));
  });
  await step("it becomes an incident, which is closed only with a note", async () => {
    await page.click("dialog[open] .button:has-text('Open incident')");
    await page.fill("dialog[open] textarea", "测试开单");
    await page.click("dialog[open] form .button.accent");
    await page.waitForSelector(".incident-detail");
    await page.click(".incident-detail header .button:has-text('Close')");
    await page.click(".move-form button[type=submit]");
    await page.waitForSelector(".move-form .field em");
    await page.fill(".move-form textarea", "测试关闭");
    await page.click(".move-form button[type=submit]");
    await page.waitForSelector(".stages [data-stage=closed].now");
  });
  await step("the map shows the district and opens a camera live", async () => {
    const shown = await cameraOf((one) => one.place && one.state !== "offline" && one.state !== "disabled");
    expect(shown, "no camera with a place that is not offline");
    await page.goto(`${settings.url}/map?c=${shown.code}`);
    await page.waitForSelector(".map-canvas canvas");
    await live();
  });
  await step("cameras for a place by keys alone, all of them to the wall", async () => {
    await page.goto(`${settings.url}/map`);
    await page.waitForSelector(".map-canvas canvas");
    await page.focus(".map-tools .button >> nth=0");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".found li >> nth=8");
    const near = await page.evaluate(() => new URLSearchParams(location.search).get("near"));
    expect(/^[\d.]+,[\d.]+$/.test(near ?? ""), `near=${near}`);
    await page.click(".camera-panel .button.accent");
    await address({ l: "9" });
    await live();
    return near;
  });
  await step("A keeps a tile for alarms, one comes, its bar opens it; A gives the tile back", async () => {
    await page.goto(`${settings.url}/wall?l=4`);
    await page.waitForSelector(".grid > .tile");
    await page.keyboard.press("a");
    await address({ a: "3" });
    await page.click(".tile.kept[data-alarm] .alarm-bar");
    await page.waitForSelector("dialog[open] .event-facts");
    await page.keyboard.press("Escape");
    await page.waitForSelector("dialog", { state: "detached" });
    await page.keyboard.press("a");
    await address({ a: null });
    await page.waitForSelector(".tile.kept", { state: "detached" });
  });
  await step("M lets the focused tile be heard and says what there is to hear, M mutes it", async () => {
    const { code } = await cameraOf((one) => one.state === "live");
    await page.goto(`${settings.url}/wall?l=1&c=${code}&f=0`);
    await live();
    await page.keyboard.press("m");
    await page.waitForSelector(".caption .sound");
    const words = await page.locator(".caption .sound").getAttribute("aria-label");
    await live();
    await page.keyboard.press("m");
    await page.waitForSelector(".caption .sound", { state: "detached" });
    await live();
    return words;
  });
  await step("motion zones: drawn by keys and by pointer, saved, there again", async () => {
    const { code } = await cameraOf((one) => one.state === "live" && one.zones.length === 0);
    const zones = () =>
      page.evaluate(
        (one) =>
          fetch(`/api/v1/cameras/${one}`)
            .then((answer) => answer.json())
            .then((camera) => camera.zones),
        code,
      );
    const open = async () => {
      await page.goto(`${settings.url}/register?c=${code}&tab=zones`);
      await page.waitForSelector(".zone-stage:not(.blank)");
    };
    await open();
    await page.click(".zone-side-panel .actions .button >> nth=0");
    await page.waitForSelector(".zone-corner[data-corner='0']:focus");
    for (const key of ["ArrowLeft", "Shift+ArrowUp", "+"]) await page.keyboard.press(key);
    await page.waitForSelector(".zone-corner[data-corner='1']:focus");
    const last = page.locator(".zone-corner[data-corner='3']");
    const [box, stage] = [await last.boundingBox(), await page.locator(".zone-stage").boundingBox()];
    await page.mouse.move(box.x + box.width / 2, box.y + box.height / 2);
    await page.mouse.down();
    await page.mouse.move(stage.x + stage.width * 0.8, stage.y + stage.height * 0.9, { steps: 4 });
    await page.mouse.up();
    await page.fill(".zone-list input", "测试门口");
    await page.click(".zone-save");
    await page.waitForSelector(".zone-editor", { state: "detached" });
    const [saved] = await zones();
    expect(saved?.name === "测试门口", JSON.stringify(saved));
    expect(saved.points.length === 5, JSON.stringify(saved.points));
    expect(JSON.stringify(saved.points[0]) === "[0.245,0.25]", JSON.stringify(saved.points[0]));
    const [x, y] = saved.points[3];
    expect(Math.abs(x - 0.8) < 0.02 && Math.abs(y - 0.9) < 0.02, JSON.stringify(saved.points[3]));
    await open();
    await page.waitForSelector(".zone-corner >> nth=4");
    await page.click(".zone-list .button");
    await page.click(".zone-save");
    await page.waitForSelector(".zone-editor", { state: "detached" });
    expect((await zones()).length === 0, "the zone is still there");
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
report();
