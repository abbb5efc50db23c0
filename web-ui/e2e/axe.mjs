// Every page against WCAG 2.2 AA by axe-core, dark and light, wide and narrow; and no request to another origin.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... node e2e/axe.mjs
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { DEADLINE_MS, launch, SIZES, settings, signedIn, until } from "./lib.mjs";

const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
/** Every page, and what of it must be there before it is judged. */
const PAGES = [
  ["wall", ".live-tile"],
  ["wall?l=4&a=3", ".tile.kept, .phone-wall, .page"],
  ["walls", ".walls-page .empty, .director .mini"],
  ["map?near=116.1,24.27", ".camera-panel"],
  ["map", ".map-canvas canvas"],
  ["playback", "canvas.timeline"],
  ["recordings?tab=plans", ".plans-table td"],
  ["recordings?tab=completeness", ".heat td"],
  ["recordings?tab=holds", ".recordings table, .recordings .empty"],
  ["recordings?tab=evidence", ".verify code"],
  ["recordings?tab=storage", ".volumes li"],
  ["events", ".page table, .page .empty"],
  ["incidents", ".incidents .empty, .incidents .incident-item"],
  ["incidents?view=plans", ".plans-view .empty, .plan-list"],
  ["incidents?view=statistics", ".statistics .card, .statistics .empty"],
  ["health", ".card"],
  ["register", ".reg-line[data-camera]"],
  ["health?tab=supervision", ".supervision table, .supervision .empty"],
  ["health?tab=outages", ".supervision table, .supervision .empty"],
  ["events?tab=rules", ".rules-view"],
  ["links", ".link-row"],
  ["admin", "table td"],
  ["admin?tab=users", "table td"],
  ["admin?tab=audit", "table td"],
  ["m", ".field-grid"],
];
/** What opens over a page: where, what opens it, what must be there. */
const DIALOGS = [
  { path: "map", opener: ".map-zoom > .button:nth-of-type(4)", there: ".map-panel fieldset" },
  {
    path: "map",
    opener: ".map-zoom > .button:nth-of-type(4)",
    there: ".map-panel fieldset .button",
    press: ".map-panel fieldset .button",
    opens: "dialog[open] .actions .button",
  },
  ...[1, 2, 3].map((n) => ({
    path: "map",
    opener: `.map-tools:last-child .button:nth-child(${n})`,
    there: ".map-panel",
  })),
  { path: "incidents?view=plans", opener: ".plans-view .page-head .button", there: "dialog[open] .plan-editor" },
  { path: "walls", opener: ".walls-head .button", there: "dialog[open] input[name=id]" },
  ...[
    ["l", ".layouts"],
    ["d", ".send-set"],
    ["?", ".keys"],
  ].map(([key, what]) => ({ path: "wall", opener: `[data-key="${key}"]`, there: `dialog[open] ${what}`, wide: true })),
  { path: "register", opener: ".reg-line[data-camera]", there: ".reg-detail input[name=name]" },
  {
    path: "register?tab=zones",
    opener: ".reg-line[data-camera]",
    there: ".zone-stage",
    press: ".zone-side-panel .button",
  },
  {
    path: "recordings?tab=plans",
    opener: ".plans-table .only-icon",
    there: "dialog[open] .effect li",
    press: "dialog[open] .choice [role=radio]:nth-child(2)",
  },
  ...["e", "h", "x"].map((key) => ({ path: "playback?c=", keys: ["i", key], there: "dialog[open] form" })),
  { path: "register?tab=place", opener: ".reg-line[data-camera]", there: ".reg-map canvas" },
  { path: "register?tab=streams", opener: ".reg-line[data-camera]", there: "input[name=main_url]" },
  { path: "register?tab=history", opener: ".reg-line[data-camera]", there: ".reg-history li" },
  { path: "events?tab=rules", opener: ".rules-view .button.accent", there: "dialog[open] .rule-form" },
  { path: "events", opener: ".page-head .button", there: "dialog[open] form" },
  { path: "health?tab=outages", opener: ".supervision .button.accent", there: "dialog[open] form" },
  {
    path: "events",
    opener: "tr[data-open=true] .button, .event-list-phone .event-card",
    there: "dialog[open] .event-facts",
  },
];
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
const found = [];
let passed = 0;

async function check(page, name) {
  await page.evaluate(axe);
  const result = await page.evaluate((tags) => globalThis.axe.run(document, { runOnly: tags }), TAGS);
  passed += result.passes.length;
  for (const violation of result.violations) {
    found.push({
      page: name,
      rule: violation.id,
      impact: violation.impact,
      nodes: violation.nodes.slice(0, 3).map((node) => ({ target: node.target.join(" "), why: node.failureSummary })),
      count: violation.nodes.length,
    });
  }
}

const browser = await launch();
try {
  for (const [size, theme] of [
    ["desk", "dark"],
    ["phone", "light"],
  ]) {
    const { page, context, strays, errors } = await signedIn(browser, { size: SIZES[size], touch: size === "phone" });
    await page.evaluate((to) => localStorage.setItem("sightline.theme", to), theme);
    const code = await page.evaluate(() =>
      fetch("/api/v1/cameras")
        .then((answer) => answer.json())
        .then((list) => list[0]?.code),
    );
    for (const [path, there] of PAGES) {
      await page.goto(`${settings.url}/${path}${path === "playback" ? `?c=${code}` : ""}`);
      await page.waitForSelector(".shell h1");
      await page.waitForSelector(there, { state: "attached" });
      await until(page, () => !document.querySelector("main .loading"));
      await check(page, `${size}/${theme}/${path}`);
    }
    const incident = await page.evaluate(() =>
      fetch("/api/v1/incidents?state=all")
        .then((answer) => answer.json())
        .then((list) => list[0]?.id),
    );
    if (incident) {
      await page.goto(`${settings.url}/incidents?replay=${incident}`);
      await page.waitForSelector(".replay-log li");
      await check(page, `${size}/${theme}/replay`);
      await page.goto(`${settings.url}/api/v1/incidents/${incident}/report.html`);
      await page.waitForSelector("main footer");
      await check(page, `${size}/${theme}/report`);
    }
    for (const { path, opener, keys, nth = 0, there, press, opens, wide = false } of DIALOGS) {
      if (wide && size === "phone") continue;
      await page.goto(`${settings.url}/${path}${path.endsWith("=") ? code : ""}`);
      if (opener) await page.locator(opener).filter({ visible: true }).nth(nth).click();
      for (const key of keys ?? []) {
        await page.waitForSelector(".recorded-at[data-at]");
        await page.focus("canvas.timeline");
        await page.keyboard.press(key);
      }
      await page.waitForSelector(there);
      if (press) await page.click(press);
      if (opens) await page.waitForSelector(opens);
      await check(page, `${size}/${theme}/${path} > ${opener ?? keys}`);
    }
    for (const stray of strays) found.push({ page: size, rule: "other-origin", nodes: [stray], count: 1 });
    for (const error of errors) found.push({ page: size, rule: "page-error", nodes: [error], count: 1 });
    await context.close();
  }
  const page = await (await browser.newContext({ ignoreHTTPSErrors: true })).newPage();
  await page.goto(settings.url);
  await page.waitForSelector("form", { timeout: DEADLINE_MS });
  await check(page, "sign-in");
} finally {
  await browser.close();
}
console.log(JSON.stringify({ ok: found.length === 0 && passed > 0, passed, violations: found }, null, 2));
process.exitCode = found.length > 0 ? 1 : 0;
