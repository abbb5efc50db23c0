// The map's ground in a browser: a map server made here draws a disc at a known place, in each of the three systems, and the page must
// show it where that place is, within two pixels. Set up, tested, previewed and kept as an administrator does it; then the server fails.
//   node e2e/map-sources.mjs [DIR for pictures] [BINARY]
import { mkdirSync } from "node:fs";
import { createServer } from "node:http";
import { join, resolve } from "node:path";
import { crc32, deflateSync } from "node:zlib";
import { launch, SIZES, signedIn, until } from "./lib.mjs";
import { root, serve } from "./serve.mjs";

const dir = process.argv[2] ?? join(root, "target/map-sources");
const binary = resolve(process.argv[3] ?? process.env.SIGHTLINE ?? join(root, "target/debug/sightline"));
mkdirSync(dir, { recursive: true });

// A point that programs for GCJ-02 are commonly tested by: WGS-84, and the same in GCJ-02.
const PLACE = [113.912316, 22.543847];
const SHIFTED = [113.917176481, 22.540796132];
const DISC = [255, 0, 200];

/** Pixels of the whole picture of a level, by the published formulas. */
const mercator = ([lon, lat], z) => {
  const n = 256 * 2 ** z;
  return [((lon + 180) / 360) * n, ((1 - Math.asinh(Math.tan((lat * Math.PI) / 180)) / Math.PI) / 2) * n];
};
const degrees = ([lon, lat], z) => {
  const per = 180 / 256 / 2 ** (z - 1);
  return [(lon + 180) / per, (90 - lat) / per];
};
const SYSTEMS = {
  m: { grid: "EPSG:3857", at: (z) => mercator(PLACE, z), name: "墨卡托" },
  d: { grid: "EPSG:4490", at: (z) => degrees(PLACE, z), name: "国家 2000" },
  g: { grid: "GCJ-02", at: (z) => mercator(SHIFTED, z), name: "火星坐标" },
};

let answers = true;
const asked = [];
const server = createServer((request, response) => {
  asked.push(request.url);
  const url = new URL(request.url, "http://localhost");
  const [, system, z, x, y] = url.pathname.split("/");
  const known = SYSTEMS[system];
  if (!answers || !known) return response.writeHead(500).end();
  if (url.searchParams.get("tk") !== "s3cret") {
    return response.writeHead(200, { "content-type": "text/html" }).end("<h1>Invalid key</h1>");
  }
  const by = (name) => Number(url.searchParams.get(name));
  const tile = system === "d" ? [by("TILEMATRIX"), by("TILECOL"), by("TILEROW")] : [Number(z), Number(x), Number(y)];
  response.writeHead(200, { "content-type": "image/png" }).end(picture(known.at(tile[0]), tile));
});
await new Promise((done) => server.listen(0, "127.0.0.1", done));
const { port } = server.address();
const host = `127.0.0.1:${port}`;

const gateway = await serve(binary, `[map]\nhosts = ["${host}"]\n`);
const browser = await launch();
try {
  const { page, strays, errors } = await signedIn(browser, { url: gateway.url, size: SIZES.desk, path: "/map" });
  await page.waitForSelector(".map-canvas canvas");
  await setUp(page);
  for (const id of ["m", "d", "g"]) {
    if (id !== "d") {
      const source = {
        id,
        name: SYSTEMS[id].name,
        grid: SYSTEMS[id].grid,
        url: `http://${host}/${id}/{z}/{x}/{y}?tk={token}`,
      };
      await gateway.api("PUT", `map/sources/${id}`, { ...source, min_zoom: 1, max_zoom: 18, token: "s3cret" });
    }
    const apart = await offset(page, id);
    console.log(`${SYSTEMS[id].grid}: ${apart.toFixed(2)} px`);
    if (!(apart <= 2)) throw new Error(`${SYSTEMS[id].grid} lies ${apart} pixels off`);
  }
  await page.screenshot({ path: join(dir, "ground.png") });
  // Not a word of the token reaches the page.
  const told = await page.evaluate(async () => (await fetch("/api/v1/map/sources")).text());
  if (told.includes("s3cret")) throw new Error("the token is told");
  // Elsewhere, with a server that fails: the sketch is there, and why is said.
  answers = false;
  await page.goto(`${gateway.url}/map`);
  await page.waitForSelector(".map-foot .bad");
  const words = await page.textContent(".map-foot .bad");
  if (!/示意底图/.test(words)) throw new Error(`not said: ${words}`);
  await page.screenshot({ path: join(dir, "ground-failed.png") });
  if (strays.length > 0) throw new Error(`left the origin: ${strays[0]}`);
  if (errors.length > 0) throw new Error(errors[0]);
  console.log("the map's ground: ok");
} finally {
  await browser.close();
  await gateway.close();
  server.closeAllConnections();
  server.close();
}

/** As an administrator does it: a WMTS, first with a wrong token, then with the right one. */
async function setUp(page) {
  await page.click(".map-zoom [aria-label=图层]");
  await page.click(".map-panel >> text=底图来源");
  await page.waitForSelector("dialog[open]");
  await page.screenshot({ path: join(dir, "sources-empty.png") });
  await page.click("dialog >> text=天地图矢量");
  const field = (label) => page.locator(`dialog .field:has(> span:text-is("${label}")) input`);
  await field("标识").fill("d");
  await field("地址").fill(`http://${host}/d?tk={token}`);
  await field("子域").fill("");
  await field("令牌").fill("wrong");
  await page.click("dialog .actions >> text=测试并预览");
  await page.waitForSelector("dialog .test-told");
  const refused = await page.textContent("dialog .test-told");
  if (!/Invalid key/.test(refused)) throw new Error(`the server's words are not told: ${refused}`);
  await page.screenshot({ path: join(dir, "source-refused.png") });
  await field("令牌").fill("s3cret");
  await page.click("dialog .actions >> text=测试并预览");
  await page.waitForSelector("dialog .test-told >> text=取到瓦片");
  await until(page, () => document.querySelector(".source-preview p")?.textContent.includes("已显示"));
  await page.screenshot({ path: join(dir, "source-good.png") });
  await page.click("dialog .actions >> text=保存");
  await page.waitForSelector(".source-list li");
  await page.screenshot({ path: join(dir, "sources.png") });
  await page.keyboard.press("Escape");
}

/** How far from where it is the disc is shown, in pixels of the screen. */
async function offset(page, id) {
  await page.evaluate((ground) => localStorage.setItem("sightline.map", JSON.stringify({ ground })), id);
  await page.goto(`${gateway.url}/map?near=${PLACE.join()}`);
  await until(page, seen);
  // Until what is coming has come: the middle of the disc moves no more.
  let last = null;
  for (;;) {
    await page.waitForTimeout(400);
    const now = await page.evaluate(seen);
    if (now && last && Math.hypot(now[0] - last[0], now[1] - last[1]) < 0.05) return Math.hypot(now[0], now[1]);
    last = now;
  }
}

/** In the page: where the disc's middle lies, from the middle of the map, which is the place. */
function seen() {
  let [n, x, y] = [0, 0, 0];
  for (const canvas of document.querySelectorAll(".map-canvas .ground canvas")) {
    const { width, height } = canvas;
    if (!width) continue;
    const { data } = canvas.getContext("2d").getImageData(0, 0, width, height);
    for (let i = 0; i < data.length; i += 4) {
      if (data[i] < 150 || data[i + 1] > 90 || data[i + 2] < 120) continue;
      n += 1;
      x += ((i / 4) % width) + 0.5 - width / 2;
      y += Math.floor(i / 4 / width) + 0.5 - height / 2;
    }
  }
  return n > 20 ? [x / n, y / n] : null;
}

/** A tile of 256 pixels: a plain ground with a frame, and the disc as far as it reaches into it. */
function picture([px, py], [, column, row]) {
  const rows = Buffer.alloc(256 * (256 * 3 + 1));
  for (let y = 0; y < 256; y += 1) {
    for (let x = 0; x < 256; x += 1) {
      const inside = Math.hypot(column * 256 + x + 0.5 - px, row * 256 + y + 0.5 - py) < 8;
      const frame = x === 0 || y === 0;
      const colour = inside ? DISC : frame ? [120, 140, 160] : [205, 220, 200];
      rows.set(colour, y * (256 * 3 + 1) + 1 + x * 3);
    }
  }
  const chunk = (name, data) => {
    const body = Buffer.concat([Buffer.from(name), data]);
    const ends = Buffer.alloc(8);
    ends.writeUInt32BE(data.length, 0);
    ends.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([ends.subarray(0, 4), body, ends.subarray(4)]);
  };
  const head = Buffer.alloc(13);
  head.writeUInt32BE(256, 0);
  head.writeUInt32BE(256, 4);
  head.set([8, 2, 0, 0, 0], 8);
  const signature = Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]);
  return Buffer.concat([
    signature,
    chunk("IHDR", head),
    chunk("IDAT", deflateSync(rows, { level: 1 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}
