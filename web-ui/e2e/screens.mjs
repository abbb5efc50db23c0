// Pictures of every page at four sizes in two languages into a directory, for someone to look at:
//   URL=... PASSWORD=... node e2e/screens.mjs DIR [desk|hall|tablet|phone|all] [zh|en|all] [NAME,...]
import { mkdirSync } from "node:fs";
import { furnish, outside, pages, visit } from "./every-page.mjs";
import { launch, SIZES, settings, signedIn } from "./lib.mjs";

const [dir = "screens", onlySize = "all", onlyLanguage = "all", onlyName] = process.argv.slice(2);
mkdirSync(dir, { recursive: true });
const named = (name) => !onlyName || onlyName.split(",").some((one) => name.startsWith(one));
const LOCALES = { zh: "zh-CN", en: "en-GB" };
const wanted = (only, one) => only === "all" || only === undefined || only === one;
/** A page has so long; a picture of what is there then is taken all the same. */
const PAGE_MS = Number(process.env.PAGE_MS ?? 30_000);

/** So many tiles live; as many as come in ten seconds, on a machine that cannot. */
const live = (page, least) =>
  page
    .waitForFunction((count) => document.querySelectorAll(".live-tile[data-state=live]").length >= count, least, {
      polling: 200,
      timeout: 10_000,
    })
    .catch(() => undefined);

const browser = await launch();
const problems = [];
try {
  for (const [size, viewport] of Object.entries(SIZES)) {
    if (!wanted(onlySize, size)) continue;
    for (const [language, locale] of Object.entries(LOCALES)) {
      if (!wanted(onlyLanguage, language)) continue;
      const phone = size === "phone";
      const { page, context, strays, errors } = await signedIn(browser, {
        size: viewport,
        locale,
        touch: phone,
        path: "/events",
      });
      const known = await furnish(page);
      context.setDefaultTimeout(PAGE_MS);
      const shoot = async (at, { name, plays }) => {
        if (plays) await live(at, phone ? 1 : plays);
        // Pictures, fonts and what slides in come to rest: this is for the eye, nothing is judged by it.
        await at.waitForTimeout(700);
        await at.screenshot({ path: `${dir}/${size}-${language}-${name}.png` });
      };
      for (const one of pages(known)) {
        if (!named(one.name) || (phone && one.wide)) continue;
        await visit(page, one, { phone, language }).catch((error) =>
          problems.push(`${size}-${language}-${one.name}: ${String(error).split("\n")[0]}`),
        );
        await shoot(page, one);
      }
      problems.push(...strays.map((stray) => `stray request: ${stray}`), ...errors);
      await context.close();
      const shape = { viewport, locale, ignoreHTTPSErrors: true, hasTouch: phone, isMobile: phone };
      const out = await browser.newContext(shape);
      out.setDefaultTimeout(PAGE_MS);
      for (const one of outside(known)) {
        if (!named(one.name)) continue;
        const apart = await out.newPage();
        const open = async () => {
          await apart.goto(settings.url + one.path);
          await one.act?.(apart, phone);
          await apart.waitForSelector(one.there);
        };
        await open().catch((error) =>
          problems.push(`${size}-${language}-${one.name}: ${String(error).split("\n")[0]}`),
        );
        await shoot(apart, one);
        await apart.close();
      }
      await out.close();
    }
  }
} finally {
  await browser.close();
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
