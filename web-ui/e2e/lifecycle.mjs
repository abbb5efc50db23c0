// What a wall leaves behind after a thousand changes, and how it comes back from a cut network, a silent one, a hidden tab.
// The page talks to the gateway through a small relay of this test's own, which can be cut. No click after any of it.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... node e2e/lifecycle.mjs [CHANGES]
import { relay } from "./between.mjs";
import { DEADLINE_MS, launch, settings, signedIn, until } from "./lib.mjs";

const CHANGES = Number(process.argv[2] ?? 1000);
/** On a slow machine it is fewer: as many as this allows, but never less than `LEAST`. */
const BUDGET_MS = Number(process.env.BUDGET_MS ?? 120_000);
const LEAST = 200;
const TILES = [1, 4, 9, 16, 25];

const report = { ok: false };
function expect(condition, words) {
  if (!condition) throw new Error(words);
}

async function eventually(test, words) {
  const deadline = Date.now() + DEADLINE_MS;
  while (!(await test())) {
    expect(Date.now() < deadline, typeof words === "string" ? words : words());
    await new Promise((resolve) => setTimeout(resolve, 250));
  }
}

const target = new globalThis.URL(settings.url);
expect(target.protocol === "http:", "this test relays plain HTTP");
const between = await relay(target);
settings.url = between.url;
const browser = await launch();
let page;
try {
  const session = await signedIn(browser);
  page = session.page;
  const sockets = new Set();
  const watch = (socket) => {
    if (!socket.url().endsWith("/media")) return;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  };
  // From an empty page on: the end of a socket is not told when its page was left.
  await page.goto("about:blank");
  page.on("websocket", watch);
  await page.goto(`${settings.url}/wall`);
  await page.waitForSelector(".live-tile[data-state=live]");

  const cdp = await session.context.newCDPSession(page);
  await cdp.send("HeapProfiler.enable");
  const heap = async () => {
    for (let i = 0; i < 3; i++) await cdp.send("HeapProfiler.collectGarbage");
    return (await cdp.send("Runtime.getHeapUsage")).usedSize;
  };
  /** Every `<video>` that exists, in the page or not, once the garbage is gone. */
  const videos = async () => {
    const { result } = await cdp.send("Runtime.evaluate", { expression: "HTMLVideoElement.prototype" });
    const { objects } = await cdp.send("Runtime.queryObjects", { prototypeObjectId: result.objectId });
    const { result: count } = await cdp.send("Runtime.callFunctionOn", {
      objectId: objects.objectId,
      functionDeclaration: "function () { return this.length; }",
      returnByValue: true,
    });
    await cdp.send("Runtime.releaseObject", { objectId: objects.objectId });
    return count.value;
  };
  /** Changes the layout; how often it did before the time was used up. */
  const changes = async (count) => {
    const start = Date.now();
    for (let n = 0; n < count; n++) {
      if (n >= LEAST && Date.now() - start > BUDGET_MS) return n;
      // Mostly small walls: what is left behind does not depend on the size, and this machine may be small.
      const layout = n % 50 === 13 ? 4 : n % 50 === 37 ? 5 : (n % 2) + 1;
      await page.keyboard.press(String(layout));
      await page.waitForFunction(
        (tiles) => document.querySelectorAll(".grid > .tile").length === tiles,
        TILES[layout - 1],
        { polling: 10, timeout: DEADLINE_MS },
      );
      if (n % 10 === 9) await page.waitForSelector(".live-tile[data-state=live]");
    }
    return count;
  };
  const home = async () => {
    await page.keyboard.press("1");
    await until(page, () => document.querySelectorAll(".grid > .tile").length === 1);
    await page.waitForSelector(".live-tile[data-state=live]");
  };

  await changes(40);
  await home();
  const before = await heap();
  const start = Date.now();
  report.changes = await changes(CHANGES);
  report.changes_ms = Date.now() - start;
  await home();
  const after = await heap();
  report.heap = { before, after, growth: Math.round((after / before - 1) * 1000) / 1000 };
  // A busy machine may have made the page come back once: the old socket is then still being closed.
  await eventually(
    () => sockets.size === 1,
    () => `${sockets.size} media sockets for one wall`,
  );
  expect(after < before * 1.2, `the heap grew from ${before} to ${after} bytes`);

  // A page without a picture: nothing is left of the player.
  await page.click(".rail a[href='/admin']");
  await page.waitForSelector("table td");
  await until(page, () => document.querySelectorAll("video").length === 0);
  await eventually(async () => {
    await cdp.send("HeapProfiler.collectGarbage");
    return sockets.size === 0 && (await videos()) === 0;
  }, "something is left behind").catch(() => undefined);
  report.left = { sockets: sockets.size, videos: await videos() };
  expect(report.left.sockets === 0 && report.left.videos === 0, `left behind: ${JSON.stringify(report.left)}`);

  await page.click(".rail a[href='/wall']");
  const states = () =>
    page.evaluate(() => [...document.querySelectorAll(".live-tile")].map((tile) => tile.dataset.state));
  /** Live is what moves: the time of an element rises, from where it stood when it was first seen by this call. */
  let calls = 0;
  const playing = () =>
    until(
      page,
      (call) =>
        [...document.querySelectorAll(".live-tile[data-state=live] video")].some((one) => {
          if (one.seen?.call !== call) one.seen = { call, from: one.currentTime };
          return one.currentTime !== one.seen.from;
        }),
      ++calls,
    );
  const gone = () =>
    until(page, () => {
      const tiles = [...document.querySelectorAll(".live-tile")];
      return tiles.length > 0 && tiles.every((tile) => ["reconnecting", "stills"].includes(tile.dataset.state));
    });
  await playing();

  report.recovered = {};
  const recovers = async (name, lose, back) => {
    const start = Date.now();
    await lose();
    const lost = await states();
    const noticed = Date.now();
    await back();
    await playing();
    report.recovered[name] = { lost: [...new Set(lost)], noticed_ms: noticed - start, back_ms: Date.now() - noticed };
  };
  await recovers(
    "network-cut",
    async () => {
      between.set("refuse");
      await gone();
    },
    () => between.set("pass"),
  );
  await recovers(
    "network-silent",
    async () => {
      between.set("swallow");
      await gone();
    },
    () => between.set("pass"),
  );
  await recovers(
    "offline",
    async () => {
      // The browser may leave an open WebSocket alone when it is told to be offline: then the wire is cut as well.
      await session.context.setOffline(true);
      between.set("refuse");
      await gone();
    },
    async () => {
      between.set("pass");
      await session.context.setOffline(false);
    },
  );
  const hide = (hidden) =>
    page.evaluate((to) => {
      Object.defineProperty(document, "hidden", { configurable: true, get: () => to });
      Object.defineProperty(document, "visibilityState", {
        configurable: true,
        get: () => (to ? "hidden" : "visible"),
      });
      document.dispatchEvent(new Event("visibilitychange"));
    }, hidden);
  await recovers(
    "hidden-tab",
    async () => {
      await hide(true);
      await until(page, () =>
        [...document.querySelectorAll(".live-tile")].every((tile) => tile.dataset.state === "paused"),
      );
    },
    () => hide(false),
  );
  await recovers(
    "hidden-while-cut",
    async () => {
      await hide(true);
      between.set("refuse");
      await gone();
      between.set("pass");
    },
    () => hide(false),
  );
  report.ok = true;
} catch (error) {
  report.error = String(error).split("\n")[0];
  await page?.screenshot({ path: `${process.env.SHOTS ?? "/tmp"}/lifecycle-failed.png` }).catch(() => undefined);
} finally {
  await browser.close();
  between.close();
}
console.log(JSON.stringify(report, null, 2));
process.exitCode = report.ok ? 0 : 1;
