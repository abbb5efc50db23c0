// Supervision over weeks, as an inspector reads it: by day, week and month, by town, department, maker and camera; the trend, the
// sheet, the report, a camera's month, what was judged again. The district has weeks behind it (gateway/examples/past_weeks.rs).
//   URL=... SIGHTLINE_USER=admin PASSWORD=... [SHOTS=dir] node e2e/weeks.mjs [SIZE,...] [zh|en]
import { expect, settings, spills, until, walks } from "./lib.mjs";

const { SHOTS } = process.env;

await walks("/health?tab=supervision", async ({ page, name, language, step }) => {
  const shot = async (what, whole = false) => {
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/weeks-${what}-${name}-${language}.png`, fullPage: whole });
    const found = await spills(page);
    expect(found.length === 0, `${name} ${language} ${what}: ${found.join("; ")}`);
  };
  const go = async (query, selector = ".rates tbody tr") => {
    await page.goto(`${settings.url}/health?tab=supervision&${query}`);
    await page.waitForSelector(selector);
    await until(page, () => !document.querySelector("main .loading"));
  };
  const ask = (query) => page.evaluate(async (to) => (await fetch(`/api/v1/supervision?${to}`)).json(), query);
  const day = (ago) => new Date(Date.now() + 8 * 3600_000 - ago * 86_400_000).toISOString().slice(0, 10);
  const month = `from=${day(40)}&to=${day(1)}`;

  await step(`${name}: towns over forty days, and the trend`, async () => {
    await go(`${month}&by=town`);
    const dots = await page.locator(".trend .dot.online").count();
    expect(dots === 40, `${dots} days in the trend`);
    await shot("towns");
    return page.locator(".supervision .dim.small").first().textContent();
  });
  for (const [by, period] of [
    ["town", "week"],
    ["department", "month"],
    ["maker", "week"],
    ["maker", "day"],
    ["village", "month"],
  ])
    await step(`${name}: by ${by}, each ${period}`, async () => {
      await go(`${month}&by=${by}&period=${period}`);
      const said = await ask(`${month}&by=${by}&period=${period}`);
      const periods = new Set(said.lines.map((line) => line.period));
      const least = { day: 40, week: 6, month: 2 }[period];
      expect(periods.size >= least, `${periods.size} of ${period}`);
      // What the lines are made of is what the total is made of.
      const sum = (what) => said.lines.reduce((all, line) => all + line.rates.online[what], 0);
      expect(sum("part") === said.total.rates.online.part, "the lines do not add up to the total");
      expect(sum("whole") === said.total.rates.online.whole, "the lines do not add up to the total");
      await shot(`${by}-${period}`);
      return `${said.lines.length} lines of ${periods.size} periods`;
    });
  await step(`${name}: a camera's month`, async () => {
    const worst = await ask(`${month}&by=camera`);
    const line = worst.lines.toSorted((a, b) => a.rates.online.share - b.rates.online.share)[0];
    await go(`from=${day(28)}&to=${day(1)}&by=camera&camera=${line.key}`, ".strips");
    const rows = await page.locator(".strips .strip-row, .strips [role=row], .strips li").count();
    await shot("camera");
    await shot("camera-whole", true);
    return `${line.name}: ${rows} rows`;
  });
  await step(`${name}: the sheet`, async () => {
    const text = await page.evaluate(
      async (to) => (await fetch(`/api/v1/supervision/export.csv?${to}`)).text(),
      `${month}&by=town&period=week&language=${language}`,
    );
    const lines = text.trim().split("\n");
    expect(lines.length > 6, `${lines.length} lines`);
    const chinese = /[\u4e00-\u9fff]/.test(lines[0] ?? "");
    expect(chinese === (language === "zh"), `a heading in another language: ${lines[0]}`);
    return lines.slice(0, 2);
  });
  await step(`${name}: the report`, async () => {
    await page.goto(`${settings.url}/api/v1/supervision/report.html?${month}&by=town&period=week&language=${language}`);
    await page.waitForSelector("table tbody tr");
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/weeks-report-${name}-${language}.png`, fullPage: true });
    await page.emulateMedia({ media: "print" });
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/weeks-report-print-${name}-${language}.png`, fullPage: true });
    await page.emulateMedia({ media: "screen" });
    return page.locator("h1").textContent();
  });
  await step(`${name}: approved outages`, async () => {
    await page.goto(`${settings.url}/health?tab=outages`);
    await page.waitForSelector(".outages tbody tr, .outages li, table tbody tr");
    await shot("outages");
  });
});
