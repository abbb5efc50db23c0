// Pictures of every page at three sizes in two languages into a directory, for someone to look at:
//   URL=... PASSWORD=... node e2e/screens.mjs DIR [desk|hall|phone|all] [zh|en|all] [NAME,...]
import { mkdirSync } from "node:fs";
import { DEADLINE_MS, launch, SIZES, settings, signedIn, until } from "./lib.mjs";

const [dir = "screens", onlySize = "all", onlyLanguage = "all", onlyName] = process.argv.slice(2);
mkdirSync(dir, { recursive: true });
const named = (name) => !onlyName || onlyName.split(",").some((one) => name.startsWith(one));
const LOCALES = { zh: "zh-CN", en: "en-GB" };
const wanted = (only, one) => only === "all" || only === undefined || only === one;

/** Name, address, what must be there, and what is done before the picture is taken. */
const still = async (page, selector) => {
  await page.waitForSelector(selector, { state: "attached" });
  await until(page, () => !document.querySelector("main .loading"));
};
const live = (page, least) =>
  until(page, (count) => document.querySelectorAll(".live-tile[data-state=live]").length >= count, least);
/** A range of the timeline, by keys. */
const marked = async (page) => {
  await page.focus("canvas.timeline");
  await page.keyboard.press("i");
  await page.waitForSelector(".marked");
};
const pages = ({ code, codes, incident }) => [
  ["wall-16", "/wall", (page, phone) => live(page, phone ? 1 : 16)],
  ["wall-1", `/wall?l=1&c=${code}&f=0`, (page) => live(page, 1)],
  ["wall-4", `/wall?l=4&c=${codes.slice(0, 3).join()}&f=1`, (page, phone) => live(page, phone ? 1 : 3)],
  ["wall-25", `/wall?l=25&c=${codes.join()}`, (page, phone) => live(page, phone ? 1 : Math.min(20, codes.length))],
  ["wall-alarm", `/wall?l=4&c=${codes.slice(0, 3).join()}&a=3`, (page, phone) => live(page, phone ? 1 : 3)],
  ["walls", "/walls", (page) => still(page, ".walls-page .empty, .director .mini")],
  ...["l", "d", "?"].map((key, i) => [
    ["wall-layouts", "wall-send", "wall-keys"][i],
    `/wall?l=4&c=${codes.slice(0, 3).join()}`,
    async (page, phone) => {
      await live(page, phone ? 1 : 3);
      if (phone) return;
      await page.keyboard.press(key);
      await page.waitForSelector("dialog[open]");
    },
  ]),
  ["map", "/map", (page) => still(page, ".map-canvas canvas")],
  ["map-camera", `/map?c=${code}`, (page) => live(page, 1)],
  ["map-near", `/map?near=116.1,24.27`, (page) => still(page, ".map-canvas canvas")],
  [
    "map-layers",
    "/map",
    async (page) => {
      await still(page, ".map-canvas canvas");
      await page.click(".map-zoom > .button >> nth=3");
      await page.waitForSelector(".map-panel fieldset");
    },
  ],
  [
    "map-search",
    "/map",
    async (page) => {
      await still(page, ".map-canvas canvas");
      await page.fill(".map-search input", "ss");
      await page.waitForSelector(".map-hits [role=option]");
    },
  ],
  ...["measure-line", "measure-area", "drawing"].map((name, n) => [
    `map-${name}`,
    "/map",
    async (page) => {
      await still(page, ".map-canvas canvas");
      await page.click(`.map-tools >> nth=1 >> .button >> nth=${n}`);
      await page.waitForSelector(".map-panel");
      const box = await page.locator(".map-canvas").boundingBox();
      for (const [x, y] of [
        [0.3, 0.25],
        [0.5, 0.3],
        [0.45, 0.42],
      ]) {
        await page.mouse.click(box.x + box.width * x, box.y + box.height * y, { delay: 20 });
        await page.waitForTimeout(350);
      }
    },
  ]),
  [
    "map-sources",
    "/map",
    async (page) => {
      await still(page, ".map-canvas canvas");
      await page.click(".map-zoom > .button >> nth=3");
      await page.click(".map-panel fieldset .button");
      await page.waitForSelector("dialog[open] .actions .button");
    },
  ],
  [
    "map-source-form",
    "/map",
    async (page) => {
      await still(page, ".map-canvas canvas");
      await page.click(".map-zoom > .button >> nth=3");
      await page.click(".map-panel fieldset .button");
      await page.click("dialog[open] .actions .button >> nth=2");
      await page.waitForSelector(".source-preview canvas");
    },
  ],
  [
    "map-outline",
    "/map",
    async (page, phone) => {
      if (phone) return;
      await still(page, ".map-canvas canvas");
      await page.click(".regions li button");
      await page.click(".outline-tools .button");
      await page.waitForSelector("dialog[open] form");
    },
  ],
  ["playback", `/playback?c=${codes.slice(0, 2).join()}`, (page) => still(page, ".pane[data-state=ready]")],
  ["playback-9", `/playback?c=${codes.slice(0, 9).join()}`, (page) => still(page, ".pane[data-state=ready]")],
  ["playback-empty", "/playback", (page) => still(page, ".empty")],
  [
    "playback-marked",
    `/playback?c=${codes.slice(0, 2).join()}`,
    async (page) => {
      await still(page, ".pane[data-state=ready]");
      await marked(page);
    },
  ],
  [
    "playback-month",
    `/playback?c=${codes.slice(0, 2).join()}`,
    async (page) => {
      await still(page, ".pane[data-state=ready]");
      await page.selectOption(".spans select", { index: 7 });
    },
  ],
  ...["evidence", "hold", "export"].map((what) => [
    `dialog-${what}`,
    `/playback?c=${codes.slice(0, 3).join()}`,
    async (page) => {
      await still(page, ".pane[data-state=ready]");
      await marked(page);
      await page.keyboard.press({ evidence: "e", hold: "h", export: "x" }[what]);
      await page.waitForSelector("dialog[open] form");
    },
  ]),
  ["recordings-plans", "/recordings?tab=plans", (page) => still(page, ".plans-table tbody tr")],
  [
    "recordings-plan-form",
    "/recordings?tab=plans",
    async (page) => {
      await still(page, ".plans-table tbody tr");
      await page.locator(".plans-table tbody .only-icon").first().click();
      await page.locator("dialog[open] .choice [role=radio]").nth(1).click();
      await page.waitForSelector(".week-grid");
    },
  ],
  ["recordings-completeness", "/recordings?tab=completeness", (page) => still(page, ".heat td")],
  ["recordings-holds", "/recordings?tab=holds", (page) => still(page, ".recordings table, .recordings .empty")],
  ["recordings-packages", "/recordings?tab=evidence", (page) => still(page, ".verify code")],
  ["recordings-storage", "/recordings?tab=storage", (page) => still(page, ".volumes li")],
  ["events", "/events", (page) => still(page, ".page table, .page .empty, .event-list-phone")],
  ["incidents", incident ? `/incidents?id=${incident}` : "/incidents", (page) => still(page, ".incidents")],
  ["incident-list", "/incidents", (page) => still(page, ".incidents")],
  ["plans", "/incidents?view=plans", (page) => still(page, ".plans-view .empty, .plan-list li")],
  [
    "plan-editor",
    "/incidents?view=plans",
    async (page) => {
      await page.click(".plans-view .page-head .button");
      await page.waitForSelector("dialog[open] .plan-editor");
    },
  ],
  ["statistics", "/incidents?view=statistics", (page) => still(page, ".statistics .card, .statistics .empty")],
  ...(incident
    ? [
        ["replay", `/incidents?replay=${incident}`, (page) => still(page, ".replay")],
        ["report", `/api/v1/incidents/${incident}/report.html`, (page) => page.waitForSelector("main footer")],
        [
          "guests",
          `/incidents?id=${incident}`,
          async (page) => {
            const button = page.locator(".incident-detail header .button").filter({ hasText: /访客链接|Guest link/ });
            if ((await button.count()) === 0) return;
            await button.click();
            await page.waitForSelector("dialog[open] .guests");
          },
        ],
      ]
    : []),
  ["links", "/links", (page) => still(page, ".link-row")],
  [
    "links-one",
    "/links",
    async (page) => {
      await page.click(".link-row .link-pick >> nth=0");
      await page.waitForSelector(".link-figures");
    },
  ],
  [
    "why",
    `/wall?l=1&c=${code}`,
    async (page) => {
      await live(page, 1);
      await page.click(".tile-why");
      await page.waitForSelector("dialog[open] .why-links");
    },
  ],
  [
    "diagnosis",
    `/wall?l=1&c=${code}`,
    async (page) => {
      await live(page, 1);
      await page.click(".tile-why");
      await page.click("dialog[open] .actions .button >> nth=0");
      await page.waitForSelector(".diagnosis[data-running=false]");
    },
  ],
  ["health", "/health", (page) => still(page, ".health-grid")],
  ["register", "/register", (page) => still(page, ".reg-line[data-camera]")],
  ["register-record", `/register?c=${code}`, (page) => still(page, ".reg-detail input[name=name]")],
  ["register-place", `/register?c=${code}&tab=place`, (page) => still(page, ".reg-map canvas")],
  ["register-streams", `/register?c=${code}&tab=streams`, (page) => still(page, "input[name=main_url]")],
  ["register-history", `/register?c=${code}&tab=history`, (page) => still(page, ".reg-history li")],
  ["register-zones", `/register?c=${code}&tab=zones`, (page) => still(page, ".zone-stage")],
  ["supervision", "/health?tab=supervision", (page) => still(page, ".supervision table, .supervision .empty")],
  ["supervision-makers", "/health?tab=supervision&by=maker", (page) => still(page, ".supervision table")],
  ["supervision-camera", `/health?tab=supervision&by=camera&camera=${code}`, (page) => still(page, ".strips")],
  ["outages", "/health?tab=outages", (page) => still(page, ".supervision table, .supervision .empty")],
  ["rules", "/events?tab=rules", (page) => still(page, ".rules-view")],
  [
    "rule-form",
    "/events?tab=rules",
    async (page) => {
      await still(page, ".rules-view");
      await page.click(".rules-view .button.accent");
      await page.fill(".rule-form input >> nth=0", "Night");
      await page.click(".rule-form button[type=submit]");
      await page.waitForSelector(".trial");
    },
  ],
  [
    "report",
    "/events",
    async (page) => {
      await page.click(".page-head .button >> nth=0");
      await page.waitForSelector("dialog[open] form");
    },
  ],
  ["admin", "/admin", (page) => still(page, "table tbody tr")],
  ["users", "/admin?tab=users", (page) => still(page, "table tbody tr")],
  ["audit", "/admin?tab=audit", (page) => still(page, "table tbody tr")],
  [
    "keys",
    `/wall?l=4&c=${code}`,
    async (page, phone) => {
      if (phone) return;
      await live(page, 1);
      await page.keyboard.press("?");
      await page.waitForSelector("dialog[open]");
    },
  ],
  ["field", "/m", (page) => still(page, ".field-grid")],
  [
    "field-cameras",
    "/m",
    async (page) => {
      await page.click(".field-page > .choice button >> nth=2");
      await page.click(".near >> nth=0");
      await live(page, 1);
    },
  ],
  [
    "field-map",
    "/m",
    async (page) => {
      await page.click(".field-page > .choice button >> nth=1");
      await still(page, ".small-map canvas");
    },
  ],
];

const browser = await launch();
const problems = [];
try {
  for (const [size, viewport] of Object.entries(SIZES)) {
    if (!wanted(onlySize, size)) continue;
    for (const [language, locale] of Object.entries(LOCALES)) {
      if (!wanted(onlyLanguage, language)) continue;
      const phone = size === "phone";
      const { page, context, strays, errors } = await signedIn(browser, { size: viewport, locale, touch: phone });
      const ask = (path) => page.evaluate((to) => fetch(`/api/v1${to}`).then((answer) => answer.json()), path);
      const codes = (await ask("/cameras")).map((camera) => camera.code).slice(0, 25);
      const [incident] = (await ask("/incidents?state=all&limit=50")).sort((a, b) => b.entries - a.entries);
      for (const [name, path, ready] of pages({ code: codes[0], codes, incident: incident?.id })) {
        if (!named(name)) continue;
        await page.goto(settings.url + path);
        if (!path.startsWith("/api/")) await page.waitForSelector(".shell h1", { state: "attached" });
        await ready(page, phone).catch((error) => problems.push(`${size}-${language}-${name}: ${error}`));
        // Pictures, fonts and what slides in come to rest: this is for the eye, nothing is judged by it.
        await page.waitForTimeout(1200);
        await page.screenshot({ path: `${dir}/${size}-${language}-${name}.png` });
      }
      problems.push(...strays.map((stray) => `stray request: ${stray}`), ...errors);
      await context.close();
      if (!named("sign-in")) continue;
      const out = await browser.newContext({
        viewport,
        locale,
        ignoreHTTPSErrors: true,
        hasTouch: phone,
        isMobile: phone,
      });
      const signIn = await out.newPage();
      await signIn.goto(settings.url);
      await signIn.waitForSelector("form", { timeout: DEADLINE_MS });
      await signIn.screenshot({ path: `${dir}/${size}-${language}-sign-in.png` });
      await out.close();
    }
  }
} finally {
  await browser.close();
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
