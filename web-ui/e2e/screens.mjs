// Pictures of every page at three sizes into a directory: URL=... PASSWORD=... node e2e/screens.mjs DIR [desk|hall|phone] [PAGE]
import { mkdirSync } from "node:fs";
import { launch, SIZES, settings, signedIn } from "./lib.mjs";

const [dir = "screens", onlySize, onlyPage] = process.argv.slice(2);
mkdirSync(dir, { recursive: true });
const PAGES = ["wall", "map", "playback", "events", "incidents", "health", "admin", "m"];
const browser = await launch();
const problems = [];
try {
  for (const [name, size] of Object.entries(SIZES)) {
    if (onlySize && onlySize !== name) continue;
    const { page, context, strays, errors } = await signedIn(browser, { size, touch: name === "phone" });
    const first = await page.evaluate(() =>
      fetch("/api/v1/cameras")
        .then((answer) => answer.json())
        .then((list) => (list.find((one) => one.state === "live") ?? list[0])?.code),
    );
    for (const path of PAGES) {
      if (onlyPage && onlyPage !== path) continue;
      await page.goto(`${settings.url}/${path}${path === "playback" ? `?c=${first}` : ""}`);
      await page.waitForTimeout(path === "health" || path === "admin" ? 2000 : 5000);
      await page.screenshot({ path: `${dir}/${name}-${path}.png` });
    }
    problems.push(...strays.map((stray) => `stray request: ${stray}`), ...errors);
    await context.close();
  }
  const context = await browser.newContext({ viewport: SIZES.desk, locale: "zh-CN", ignoreHTTPSErrors: true });
  const page = await context.newPage();
  await page.goto(settings.url);
  await page.waitForSelector("form");
  await page.screenshot({ path: `${dir}/desk-sign-in.png` });
} finally {
  await browser.close();
}
for (const problem of problems) console.error(problem);
process.exitCode = problems.length > 0 ? 1 : 0;
