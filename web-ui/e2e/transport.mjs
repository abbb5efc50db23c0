// The ways that pictures come, over HTTPS: WebTransport with WebCodecs for the tile that is looked at; WebSocket where UDP is
// blocked; and back, without a black frame. The page talks through a relay of this test's own, which can drop datagrams.
//   URL=https://... SIGHTLINE_USER=admin PASSWORD=... node e2e/transport.mjs
import { FRAMES, prove } from "./alive.mjs";
import { relay } from "./between.mjs";
import { DEADLINE_MS, launch, settings, signedIn, until } from "./lib.mjs";

const report = { ok: false };
function expect(condition, words) {
  if (!condition) throw new Error(words);
}

const target = new globalThis.URL(settings.url);
expect(target.protocol === "https:", "WebTransport is there on secure origins only");
const between = await relay(target);
settings.url = between.url;
const browser = await launch();
let page;
try {
  const session = await signedIn(browser);
  page = session.page;
  const sockets = new Set();
  page.on("websocket", (socket) => {
    if (!socket.url().endsWith("/media")) return;
    sockets.add(socket);
    socket.on("close", () => sockets.delete(socket));
  });
  const four = async () => {
    await page.waitForSelector(".grid .live-tile");
    await page.keyboard.press("2");
    await until(page, () => document.querySelectorAll(".grid > .tile").length === 4);
  };
  await four();

  const on = (line) =>
    until(
      page,
      (to) => {
        const tiles = [...document.querySelectorAll(".grid .live-tile")];
        return tiles.length === 4 && tiles.every((one) => one.dataset.line === to && one.dataset.state === "live");
      },
      line,
    );
  /** Moving pictures in every tile with an element of its own. */
  const alive = async (wanted) => {
    const proofs = await page.evaluate(prove, { frames: FRAMES, deadlineMs: DEADLINE_MS });
    expect(proofs.filter((proof) => proof.alive).length >= wanted, `not alive: ${JSON.stringify(proofs)}`);
  };
  /** From now on, every tile that has a picture is looked at: a tick without one is a black frame. */
  const watch = () =>
    page.evaluate(() => {
      globalThis.blacks = [];
      const had = new Set();
      globalThis.watching = setInterval(() => {
        for (const tile of document.querySelectorAll(".grid .live-tile")) {
          const shown = [...tile.querySelectorAll("video, canvas")].some((one) =>
            one.tagName === "VIDEO" ? one.readyState >= 2 : one.width > 0 && tile.dataset.player === "raw",
          );
          if (shown) had.add(tile.dataset.camera);
          else if (had.has(tile.dataset.camera)) globalThis.blacks.push(`${tile.dataset.camera} ${tile.dataset.state}`);
        }
      }, 20);
    });
  const noBlack = async (when) => {
    const blacks = await page.evaluate(() => globalThis.blacks);
    expect(blacks.length === 0, `black ${when}: ${JSON.stringify(blacks.slice(0, 5))}`);
  };

  await on("webtransport");
  await alive(4);
  expect(sockets.size === 0, "a media WebSocket beside WebTransport");
  expect(between.udp.passed > 0, "no datagrams");
  report.webtransport = { datagrams: between.udp.passed };

  await watch();
  await page.click(".grid > .tile >> nth=1");
  await page.waitForSelector(".tile.focused .live-tile[data-player=raw] canvas");
  // Different pictures, drawn by rising time: the counter in the picture's corner does not stand still.
  report.webcodecs = await page.evaluate(async (deadlineMs) => {
    const until = performance.now() + deadlineMs;
    const small = document.createElement("canvas");
    small.width = 64;
    small.height = 36;
    const context = small.getContext("2d", { willReadFrequently: true });
    const seen = new Set();
    while (seen.size < 5 && performance.now() < until) {
      const canvas = document.querySelector(".tile.focused canvas");
      if (canvas?.width) {
        context.drawImage(canvas, 0, 0, 64, 36);
        seen.add(String(context.getImageData(0, 0, 64, 36).data));
      }
      await new Promise((resolve) => setTimeout(resolve, 200));
    }
    const canvas = document.querySelector(".tile.focused canvas");
    return {
      pictures: seen.size,
      width: canvas?.width,
      videos: document.querySelectorAll(".tile.focused video").length,
    };
  }, DEADLINE_MS);
  expect(report.webcodecs.pictures === 5, "the canvas stands still");
  expect(report.webcodecs.videos === 0, "the focused tile holds a <video> beside its canvas");
  await noBlack("on the way to WebCodecs");

  between.udp.open = false;
  let start = Date.now();
  await on("websocket");
  await until(page, () => document.querySelectorAll(".live-tile[data-player=raw]").length === 0);
  await alive(4);
  report.blocked = { back_ms: Date.now() - start };
  await noBlack("when UDP was blocked");

  between.udp.open = true;
  start = Date.now();
  await on("webtransport");
  await page.waitForSelector(".tile.focused .live-tile[data-player=raw] canvas");
  report.climbed = { back_ms: Date.now() - start };
  await noBlack("on the way back");
  await page.keyboard.press("Escape");
  await until(page, () => document.querySelectorAll(".live-tile[data-player=raw]").length === 0);
  await alive(4);
  await noBlack("on the way from WebCodecs");
  await page.evaluate(() => clearInterval(globalThis.watching));

  // A page without a picture: no decoder, no frame, no connection is left.
  const cdp = await session.context.newCDPSession(page);
  await cdp.send("HeapProfiler.enable");
  const alives = async (name, test) => {
    await cdp.send("HeapProfiler.collectGarbage");
    const { result } = await cdp.send("Runtime.evaluate", { expression: `${name}.prototype` });
    const { objects } = await cdp.send("Runtime.queryObjects", { prototypeObjectId: result.objectId });
    const { result: count } = await cdp.send("Runtime.callFunctionOn", {
      objectId: objects.objectId,
      functionDeclaration: `function () { return this.filter((one) => ${test}).length; }`,
      returnByValue: true,
    });
    await cdp.send("Runtime.releaseObject", { objectId: objects.objectId });
    return count.value;
  };
  await page.click(".rail a[href='/admin']");
  await page.waitForSelector("table td");
  const deadline = Date.now() + DEADLINE_MS;
  for (;;) {
    report.left = {
      videos: await alives("HTMLVideoElement", "true"),
      decoders: await alives("VideoDecoder", "one.state !== 'closed'"),
      frames: await alives("VideoFrame", "one.format !== null"),
      sockets: sockets.size,
    };
    const before = between.udp.passed;
    await new Promise((resolve) => setTimeout(resolve, 1000));
    report.left.datagrams = between.udp.passed - before;
    if (Object.values(report.left).every((count) => count === 0)) break;
    expect(Date.now() < deadline, `left behind: ${JSON.stringify(report.left)}`);
  }

  // A page that never had UDP: three seconds, then the pictures come the other way.
  between.udp.open = false;
  await page.goto(`${settings.url}/wall`);
  await four();
  await on("websocket");
  await alive(4);
  expect(session.errors.length === 0, session.errors.join("; "));
  expect(session.strays.length === 0, `requests to others: ${session.strays.join(" ")}`);
  report.ok = true;
} catch (error) {
  report.error = String(error).split("\n")[0];
  await page?.screenshot({ path: `${process.env.SHOTS ?? "/tmp"}/transport-failed.png` }).catch(() => undefined);
} finally {
  await browser.close();
  between.close();
}
console.log(JSON.stringify(report, null, 2));
process.exitCode = report.ok ? 0 : 1;
