// What people do on the large map, by mouse and by keys: an outline drawn and imported, distances measured, a drawing kept for an
// incident and seen by others, people in the field, layers, cameras of one department, the search.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... node e2e/map-tools.mjs
import { asker } from "./every-page.mjs";
import { DEADLINE_MS, eventually, expect, judged, launch, SIZES, settings, signedIn, until } from "./lib.mjs";

const TOWN = { code: "441403101", initials: "cdz" };
const VILLAGER = { user: "map-walker", password: "map walker password", name: "巡河员" };
const STANDS = { longitude: 116.052, latitude: 24.361 };
/** Of the incident, far from all cameras. */
const SPOT = { lon: 116.21, lat: 24.61 };
const DRAWN = [255, 138, 216];
const MARKED = [76, 154, 255];
/** Of the whole world at level 0. */
const RESOLUTION = 156_543.033_928_040_97;
let page;

const { step, report } = judged({
  look: (what) => page.screenshot({ path: `${process.env.SHOTS ?? "/tmp"}/map-tools-${what}.png` }),
  done: (n) => process.env.SHOTS && page.screenshot({ path: `${process.env.SHOTS}/map-tools-${n}.png` }),
});

const mercator = ({ lon, lat }) => [
  (lon * 20_037_508.342_789_244) / 180,
  (Math.log(Math.tan(((90 + lat) * Math.PI) / 360)) / Math.PI) * 20_037_508.342_789_244,
];
/** How many pixels of a level lie from one place to another, right and down. */
const pixels = (from, to, zoom) => {
  const [a, b] = [mercator(from), mercator(to)];
  const per = RESOLUTION / 2 ** zoom;
  return [(b[0] - a[0]) / per, (a[1] - b[1]) / per];
};
/** The map draws nothing new any more. */
const still = (at = page) =>
  eventually(at, async () => {
    const look = () =>
      [...document.querySelectorAll(".map-canvas canvas")].map((one) => (one.width ? one.toDataURL() : "")).join();
    const before = look();
    await new Promise((done) => setTimeout(done, 200));
    return before !== "" && before === look();
  });
/** How many pixels of a colour the map has around a point of it (all of it without one). */
const inked = (at, colour, around) =>
  at.evaluate(
    ([[r, g, b], spot]) => {
      let n = 0;
      for (const canvas of document.querySelectorAll(":is(.map-canvas, .small-map) canvas")) {
        if (!canvas.width) continue;
        const k = canvas.width / canvas.getBoundingClientRect().width;
        const box = spot
          ? [(spot[0] - 12) * k, (spot[1] - 12) * k, 24 * k, 24 * k]
          : [0, 0, canvas.width, canvas.height];
        const { data } = canvas.getContext("2d").getImageData(...box.map(Math.round));
        for (let i = 0; i < data.length; i += 4) {
          if (Math.abs(data[i] - r) + Math.abs(data[i + 1] - g) + Math.abs(data[i + 2] - b) < 40 && data[i + 3] > 200)
            n += 1;
        }
      }
      return n;
    },
    [colour, around ?? null],
  );
const box = () => page.locator(".map-stage > .map-canvas").boundingBox();
/** Presses the map so far from its middle. */
const press = async (dx, dy) => {
  const { x, y, width, height } = await box();
  await page.mouse.click(x + width / 2 + dx, y + height / 2 + dy);
  // Two that follow at once are a double press to the map.
  await page.waitForTimeout(350);
};
/** By the search, with keys alone: the map's middle is there afterwards. */
const find = async (words, kind) => {
  await page.fill(".map-search input", words);
  await page.waitForSelector(`.map-hits [role=group][aria-label=${kind}] [role=option]`);
  const options = page.locator(".map-hits [role=option]");
  for (let n = 0; n < (await options.count()); n += 1) {
    const chosen = page.locator(`.map-hits [role=group][aria-label=${kind}] [aria-selected=true]`);
    if ((await chosen.count()) > 0) break;
    await page.keyboard.press("ArrowDown");
  }
  await page.keyboard.press("Enter");
  await page.fill(".map-search input", "");
  await still();
};
/** From where the focus is, by Tab, to the control with this label: as those do who have no mouse. */
const tabTo = async (label) => {
  for (let n = 0; n < 120; n += 1) {
    await page.keyboard.press("Tab");
    const here = await page.evaluate(() => {
      const { ariaLabel, innerText } = document.activeElement ?? {};
      return (ariaLabel || innerText || "").trim();
    });
    if (here === label) return;
  }
  throw new Error(`no Tab leads to ${label}`);
};
const onMap = () => page.evaluate(() => document.activeElement?.matches(".map-canvas"));
const outlineOf = (code) =>
  page.evaluate(async (id) => {
    const { features } = await (await fetch("/api/v1/map/outlines.geojson")).json();
    return features.find((one) => one.id === id)?.geometry.coordinates ?? null;
  }, code);
/** The corners of what was kept, as pixels from the middle. */
const corners = (rings, middle, zoom) => {
  const ring = rings.flat(rings[0][0][0].length ? 1 : 0)[0];
  return ring.slice(0, -1).map(([lon, lat]) => pixels(middle, { lon, lat }, zoom));
};
const same = (found, wanted) =>
  expect(
    found.length === wanted.length && found.every(([x, y]) => wanted.some(([a, b]) => Math.hypot(x - a, y - b) < 1.5)),
    `${JSON.stringify(found)}, not ${JSON.stringify(wanted)}`,
  );

const browser = await launch();
try {
  const desk = await signedIn(browser, { path: "/map" });
  page = desk.page;
  // What pulses stands still: the picture is compared with itself.
  await page.emulateMedia({ reducedMotion: "reduce" });
  await page.reload();
  await page.waitForSelector(".map-canvas canvas");
  const ask = asker(page);
  const town = (await ask("/regions")).find((one) => one.code === TOWN.code);
  const incident = await ask("/incidents", "POST", {
    title: "标绘演练：山洪",
    grade: "II",
    kind: "flood",
    note: "上游水库泄洪",
    event: null,
    camera: null,
    place: SPOT,
  });

  await step("the search finds a town by initials, and the map goes there", async () => {
    await find(TOWN.initials, "地点");
    await page.waitForSelector(".regions h2:has-text('城东镇')");
  });
  const square = [
    [-160, -120],
    [160, -120],
    [160, 120],
    [-160, 120],
  ];
  await step("its outline is drawn with a mouse, kept, and shown where it was drawn", async () => {
    await page.click(".outline-tools [aria-label=在图上画边界]");
    const bare = await inked(page, MARKED);
    for (const corner of square) await press(...corner);
    await page.click(".map-panel .button:has-text('撤销')");
    await press(...square[3]);
    await page.click(".map-panel .button:has-text('保存')");
    await page.waitForSelector(".map-panel .notice:has-text('已保存')");
    same(corners(await outlineOf(TOWN.code), town.place, 12), square);
    await page.click(".map-panel header .button");
    await still();
    const { width, height } = await box();
    const edge = await inked(page, MARKED, [width / 2 + 160, height / 2 + 60]);
    expect(edge > 8, `${edge} pixels of it, ${bare} before`);
    return (await page.locator(".outline-tools .button").count()) === 3;
  });
  await step("drawn anew by keys alone: list, map, corners, saving", async () => {
    await find(TOWN.initials, "地点");
    await page.focus(".regions .up");
    await tabTo("在图上画边界");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".map-panel");
    expect(await onMap(), "the keys do not go to the map");
    for (const [key, times] of [
      ["ArrowLeft", 1],
      ["ArrowUp", 1],
      ["ArrowRight", 2],
      ["ArrowDown", 2],
      ["ArrowLeft", 2],
    ]) {
      for (let n = 0; n < times; n += 1) {
        await page.keyboard.press(key);
        await still();
      }
      if (key !== "ArrowLeft" || times > 1) await page.keyboard.press("Enter");
    }
    await tabTo("保存");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".map-panel .notice:has-text('已保存')");
    const wanted = [
      [-128, -128],
      [128, -128],
      [128, 128],
      [-128, 128],
    ];
    same(corners(await outlineOf(TOWN.code), town.place, 12), wanted);
    await page.keyboard.press("Escape");
    await page.waitForSelector(".map-panel", { state: "detached" });
  });
  await step("a file with an open ring is refused with where, a right one is imported and shown", async () => {
    const ring = [
      [116.08, 24.34],
      [116.2, 24.34],
      [116.2, 24.42],
      [116.08, 24.42],
    ];
    const give = async (coordinates) => {
      const body = JSON.stringify({
        type: "FeatureCollection",
        features: [{ type: "Feature", properties: {}, geometry: { type: "Polygon", coordinates: [coordinates] } }],
      });
      const file = { name: "town.geojson", mimeType: "application/geo+json", buffer: Buffer.from(body) };
      await page.setInputFiles("dialog[open] input[type=file]", file);
      await page.click("dialog[open] button[type=submit]");
    };
    await page.click(".outline-tools [aria-label=导入边界]");
    await give(ring);
    const said = await page.textContent("dialog[open] .field em");
    expect(/coordinates\[0\]/.test(said), said);
    await give([...ring, ring[0]]);
    await page.waitForSelector("dialog[open] .notice:has-text('已保存')");
    await page.click("dialog[open] header .button");
    await find(TOWN.initials, "地点");
    same(
      corners(await outlineOf(TOWN.code), town.place, 12),
      ring.map(([lon, lat]) => pixels(town.place, { lon, lat }, 12)),
    );
    const [dx, dy] = pixels(town.place, { lon: 116.14, lat: 24.42 }, 12);
    const { width, height } = await box();
    expect((await inked(page, MARKED, [width / 2 + dx, height / 2 + dy])) > 8, "it is not shown");
  });
  await step("it is removed after a question", async () => {
    await page.click(".outline-tools [aria-label=删除边界]");
    await page.click("dialog[open] .button.danger");
    await page.waitForSelector(".outline-tools [aria-label=删除边界]", { state: "detached" });
    expect((await outlineOf(TOWN.code)) === null, "it is still there");
  });
  await step("a distance and an area are measured with a mouse, and by keys", async () => {
    await page.click(".map-tools [aria-label=测距]");
    await press(-200, 0);
    await press(100, 0);
    const metres = (px) => (px * RESOLUTION * Math.cos((town.place.lat * Math.PI) / 180)) / 2 ** 12;
    const figure = async () => (await page.textContent(".map-panel .figure")).trim();
    const near = async (wanted, unit) => {
      const said = await figure();
      const value = Number.parseFloat(said.replace(/[^\d.]/g, ""));
      expect(Math.abs(value / wanted - 1) < 0.01 && said.includes(unit), `${said}, not ${wanted} ${unit}`);
      return said;
    };
    const byMouse = await near(metres(300) / 1000, "公里");
    // The same by keys: 300 pixels are no whole presses, 256 are.
    await page.focus(".map-zoom [aria-label=图层]");
    await tabTo("测面积");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".map-panel h2:has-text('测面积')");
    await still();
    expect(await onMap(), "the keys do not go to the map");
    for (const key of [
      "Enter",
      "ArrowRight",
      "ArrowRight",
      "Enter",
      "ArrowDown",
      "Enter",
      "ArrowLeft",
      "ArrowLeft",
      "Enter",
    ]) {
      await page.keyboard.press(key);
      await still();
    }
    await page.keyboard.press("Shift+Enter");
    const area = await near((metres(256) * metres(128)) / 1e6, "平方公里");
    await page.keyboard.press("Escape");
    await page.keyboard.press("Escape");
    await page.waitForSelector(".map-panel", { state: "detached" });
    return `${byMouse}, ${area}`;
  });
  let walker;
  await step(
    "somebody in the field shares where they are: on the large map within a moment, found by name, pressed",
    async () => {
      await ask("/users", "POST", { ...VILLAGER, role: "responder", region: "441403" }).catch(() => undefined);
      const context = await browser.newContext({
        viewport: SIZES.phone,
        locale: "zh-CN",
        hasTouch: true,
        isMobile: true,
        geolocation: STANDS,
        permissions: ["geolocation"],
      });
      context.setDefaultTimeout(DEADLINE_MS);
      walker = await context.newPage();
      await walker.goto(`${settings.url}/m`);
      await walker.fill("input[name=user]", VILLAGER.user);
      await walker.fill("input[name=password]", VILLAGER.password);
      await walker.click("button[type=submit]");
      await walker.click(".field-page .page-head .actions .button >> nth=0");
      await find("巡河", "人员");
      await press(0, 0);
      await until(page, () => new URLSearchParams(location.search).has("near"));
      const near = await page.evaluate(() => new URLSearchParams(location.search).get("near"));
      const [lon, lat] = near.split(",").map(Number);
      expect(Math.hypot(lon - STANDS.longitude, lat - STANDS.latitude) < 1e-4, near);
      await page.click(".camera-panel header .button");
    },
  );
  await step("a layer that is switched off shows nothing and cannot be pressed; on again it can", async () => {
    await find("巡河", "人员");
    const people = page.locator(".map-panel label", { hasText: "现场人员" }).locator("input");
    await page.click(".map-zoom [aria-label=图层]");
    await people.uncheck();
    await press(0, 0);
    expect(!(await page.evaluate(() => location.search.includes("near"))), "who is hidden was pressed");
    await people.check();
    await press(0, 0);
    await until(page, () => location.search.includes("near"));
    await page.keyboard.press("Escape");
  });
  await step("cameras of one department and of one kind alone, also among those near a place", async () => {
    const [first, other] = (await ask("/cameras")).filter((one) => one.place);
    const stored = await ask(`/cameras/${first.code}/record`);
    const { has_password: _has, changed_at: _at, changed_by: _by, ...record } = stored;
    await ask(`/cameras/${first.code}`, "PUT", { ...record, asset: { ...record.asset, department: "水务局" } });
    await page.goto(`${settings.url}/map?near=${first.place.lon},${first.place.lat}`);
    const near = page.locator(".found li");
    await near.nth(3).waitFor();
    await page.click(".map-zoom [aria-label=图层]");
    const pick = (label) => page.locator(`.map-panel .field:has(> span:text-is("${label}")) select`);
    await pick("所属部门").selectOption("水务局");
    await until(page, () => document.querySelectorAll(".found li").length === 1);
    expect((await near.textContent()).includes(first.name), "another camera is shown");
    await page.waitForSelector(".map-foot:has-text('筛选')");
    await pick("所属部门").selectOption("");
    const kinds = new Map();
    for (const one of await ask("/cameras")) kinds.set(one.form, (kinds.get(one.form) ?? 0) + 1);
    await pick("摄像机形态").selectOption(other.form || "-");
    const wanted = Math.min(9, kinds.get(other.form));
    await until(page, (n) => document.querySelectorAll(".found li").length <= n, wanted);
    await page.click(".map-panel .button:has-text('全部')");
    await page.keyboard.press("Escape");
    return `${kinds.size} kinds`;
  });
  await step("the search finds an incident by its words, a press on the map opens it", async () => {
    await page.goto(`${settings.url}/map`);
    await page.waitForSelector(".map-canvas canvas");
    await find("山洪", "事件");
    await press(0, 20);
    await page.waitForSelector(".incident-detail h2:has-text('标绘演练')");
  });
  await step("the search finds a camera by its code, its panel plays it", async () => {
    await page.goto(`${settings.url}/map`);
    await page.waitForSelector(".map-canvas canvas");
    const camera = (await ask("/cameras")).find((one) => one.place && one.state === "live");
    await find(camera.code.slice(-6), "摄像机");
    await page.waitForSelector(".camera-panel .live-tile");
    await page.click(".camera-panel header .button");
  });
  await step("a line is drawn by keys for the incident, kept with words, and is on the phone's map", async () => {
    await find("山洪", "事件");
    await page.focus(".map-zoom [aria-label=图层]");
    await tabTo("标绘");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".map-panel h2:has-text('标绘')");
    await still();
    expect(await onMap(), "the keys do not go to the map");
    const [up, right] = ["ArrowUp", "ArrowRight"];
    for (const key of ["Enter", up, up, up, "Enter", right, right, right, "Enter", "Shift+Enter"]) {
      await page.keyboard.press(key);
      await still();
    }
    await page.selectOption(".draft-form select", incident.id);
    await page.fill(".draft-form input", "撤离路线");
    await page.keyboard.press("Enter");
    await page.waitForSelector(".drawn-list li:has-text('撤离路线')");
    const { drawings } = await ask(`/incidents/${incident.id}`);
    expect(drawings.length === 1 && drawings[0].points.length === 3, JSON.stringify(drawings));
    const [dx, dy] = pixels(drawings[0].points[0], drawings[0].points[2], 14);
    expect(Math.hypot(dx - 384, dy + 384) < 1.5, `${dx}, ${dy}`);
    await ask(`/incidents/${incident.id}/tasks`, "POST", { title: "沿撤离路线清障", owner: VILLAGER.user });
    await walker.waitForSelector(".my-task");
    await walker.click(".field-page > .choice button >> nth=1");
    await walker.waitForSelector(".small-map canvas");
    // It is small there: the map shows the walker too, who is far away.
    let seen = 0;
    for (const end = Date.now() + DEADLINE_MS; seen < 5 && Date.now() < end; ) seen = await inked(walker, DRAWN);
    if (process.env.SHOTS) await walker.screenshot({ path: `${process.env.SHOTS}/map-tools-phone.png` });
    expect(seen >= 5, `${seen} pixels of it on the phone`);
    return `${seen} pixels of it on the phone`;
  });
  await step("it is erased again", async () => {
    await page.click(".drawn-list li .button");
    await page.waitForSelector(".drawn-list", { state: "detached" });
    const { drawings } = await ask(`/incidents/${incident.id}`);
    expect(drawings[0].erased_at !== null, "it is still drawn");
  });
  await step("no request left the origin, nothing was thrown", () => {
    expect(desk.strays.length === 0, desk.strays.join(", "));
    expect(desk.errors.length === 0, desk.errors.join(", "));
  });
} finally {
  await browser.close();
}
report();
