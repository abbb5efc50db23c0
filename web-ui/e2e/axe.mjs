// Every page and dialog, in both languages: against WCAG 2.2 AA by axe-core, dark and light, wide and narrow; whether all of it
// fits screens of four sizes; whether all of it is in the language that was chosen; and no request to another origin.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... node e2e/axe.mjs [NAME,...]   (or ONLY=NAME,... tests/page.sh axe)
// Prints one JSON object; the status is 1 when something was found.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { furnish, outside, pages, visit } from "./every-page.mjs";
import { misfits, words } from "./fits.mjs";
import { launch, SIZES, settings, signedIn } from "./lib.mjs";
import { judge } from "./texts.mjs";

/** Each page once, in one of the two runs and at one size, and no dialogs. */
const brief = process.env.BRIEF === "1";
const only = (process.argv[2] ?? process.env.ONLY)?.split(",");
const axe = readFileSync(createRequire(import.meta.url).resolve("axe-core/axe.min.js"), "utf8");
const TAGS = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"];
/** A page has so long: longer is a fault of the page, or of the way to it. */
const PAGE_MS = Number(process.env.PAGE_MS ?? 30_000);
/** The smallest letters, CSS px: what is read four metres from a wall, and what is read on a desk or in a hand. */
const LEAST = { hall: 18, desk: 11, tablet: 11, phone: 11 };
/**
 * Opened at a size, and looked at in the others after that. Every size in both languages: where the first cannot be made the
 * others (what a phone shows behind a choice is not open on a desk), it is left out there.
 */
const RUNS = [
  { language: "zh", locale: "zh-CN", theme: "dark", sizes: ["desk", "hall", "tablet", "phone"] },
  { language: "en", locale: "en-GB", theme: "light", sizes: ["phone", "tablet", "hall", "desk"] },
];

if (brief) for (const run of RUNS) run.sizes.length = 1;
/** Whether a page is left to the other run. */
const others = (one, n, run) => brief && (one.act || RUNS.indexOf(run) !== (one.wide ? 0 : n % RUNS.length));

const found = [];
let passed = 0;
let looked = 0;
/** Said at once, too: the whole takes minutes. */
const say = (page, rule, more) => {
  found.push({ page, rule, ...more });
  console.error(`${page}: ${rule}: ${JSON.stringify(more.nodes.slice(0, 3))}`);
};

async function accessible(page, name) {
  if (!(await page.evaluate(() => "axe" in globalThis))) await page.evaluate(axe);
  const result = await page.evaluate(
    (tags) =>
      globalThis.axe.run(document, {
        runOnly: tags,
        rules: { "target-size": { enabled: true } },
        resultTypes: ["violations"],
      }),
    TAGS,
  );
  passed += result.passes.length;
  for (const violation of result.violations) {
    say(name, violation.id, {
      impact: violation.impact,
      nodes: violation.nodes.slice(0, 3).map((node) => ({ target: node.target.join(" "), why: node.failureSummary })),
      count: violation.nodes.length,
    });
  }
}

/** What was drawn anew after a change of size has come to rest. */
const settled = (page) =>
  page.evaluate(
    () =>
      new Promise((done) => {
        const end = setTimeout(done, 1000);
        requestAnimationFrame(() =>
          requestAnimationFrame(() =>
            setTimeout(() => {
              clearTimeout(end);
              done();
            }, 30),
          ),
        );
      }),
  );

async function look(page, one, run, judged) {
  const name = `${run.language}/${one.name}`;
  await accessible(page, name);
  const wrong = judged(await page.evaluate(words));
  if (wrong.length > 0) say(name, "language", { nodes: wrong.slice(0, 20), count: wrong.length });
  for (const [n, size] of run.sizes.entries()) {
    if (size === "phone" && one.wide) continue;
    if (n > 0) {
      await page.setViewportSize(SIZES[size]);
      await settled(page);
      if (!(await page.locator(one.there).first().isVisible())) continue;
    }
    // What is printed is read from paper.
    const least = one.paper ? LEAST.desk : LEAST[size];
    const faults = await page.evaluate(misfits, { ...SIZES[size], least });
    looked += 1;
    if (faults.length > 0) say(`${name}/${size}`, "does-not-fit", { nodes: faults.slice(0, 20), count: faults.length });
  }
  await page.setViewportSize(SIZES[run.sizes[0]]);
}

const browser = await launch();
try {
  for (const run of RUNS) {
    const [first] = run.sizes;
    const phone = first === "phone";
    const judged = judge(run.language);
    const { page, context, strays, errors } = await signedIn(browser, {
      size: SIZES[first],
      locale: run.locale,
      touch: phone,
      // A phone's browser would keep its zoom when the screen changes.
      mobile: false,
      path: "/events",
    });
    await page.evaluate((to) => localStorage.setItem("sightline.theme", to), run.theme);
    await page.reload();
    await page.waitForSelector(".shell h1");
    const known = await furnish(page);
    context.setDefaultTimeout(PAGE_MS);
    const lookAt = async (at, one, open) => {
      if (one.alike || (one.wide && phone) || (only && !only.includes(one.name))) return;
      try {
        await open();
        await look(at, one, run, judged);
      } catch (error) {
        say(`${run.language}/${one.name}`, "not-there", { nodes: [String(error).split("\n")[0]], count: 1 });
        await at
          .screenshot({ path: `${process.env.SHOTS ?? "/tmp"}/axe-${run.language}-${one.name}.png` })
          .catch(() => undefined);
        await at.setViewportSize(SIZES[first]);
      }
    };
    for (const [n, one] of pages(known).entries()) {
      if (others(one, n, run)) continue;
      await lookAt(page, one, () => visit(page, one, { phone, language: run.language }));
    }
    const out = await browser.newContext({
      viewport: SIZES[first],
      locale: run.locale,
      ignoreHTTPSErrors: true,
      hasTouch: phone,
    });
    out.setDefaultTimeout(PAGE_MS);
    for (const [n, one] of outside(known).entries()) {
      if (others(one, n, run)) continue;
      const apart = await out.newPage();
      await lookAt(apart, one, async () => {
        await apart.goto(settings.url + one.path);
        await one.act?.(apart, phone);
        await apart.waitForSelector(one.there);
      });
      await apart.close();
    }
    for (const stray of strays) say(run.language, "other-origin", { nodes: [stray], count: 1 });
    for (const error of errors) say(run.language, "page-error", { nodes: [error], count: 1 });
    await out.close();
    await context.close();
  }
} finally {
  await browser.close();
}
console.log(JSON.stringify({ ok: found.length === 0 && passed > 0, passed, looked, violations: found }, null, 2));
process.exitCode = found.length > 0 || passed === 0 ? 1 : 0;
