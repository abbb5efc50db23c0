// A district of thousands of cameras, as an administrator and an inspector would go through it: a spreadsheet with faults is
// tried, a good one taken; the tree, a search by initials, a camera's file; supervision from the district to one camera's
// history; the links; a diagnosis from where something is wrong.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... SHEET=cameras.csv [BAD=faulty.csv] [SHOTS=dir] node e2e/district.mjs [SIZE,...] [zh|en]
import { expect, settings, spills, until, walks } from "./lib.mjs";

const { SHEET, BAD, SHOTS } = process.env;
const settled = async (page, selector) => {
  await page.waitForSelector(selector);
  await until(page, () => !document.querySelector("main .loading, dialog[open] .loading"));
};

await walks("/register", async ({ page, name, language, step }) => {
  const shot = async (what) => {
    if (SHOTS) await page.screenshot({ path: `${SHOTS}/${what}-${name}-${language}.png` });
    const found = await spills(page);
    expect(found.length === 0, `${name} ${language} ${what}: ${found.join("; ")}`);
  };
  const go = async (path, selector) => {
    await page.goto(settings.url + path);
    await settled(page, selector);
  };
  const ask = (path) => page.evaluate(async (to) => (await fetch(`/api/v1${to}`)).json(), path);
  await settled(page, ".reg-table, .empty");

  const sheet = async (file, what) => {
    await page.click(".register .page-head .actions .button:has(.flip), .register .page-head .actions .button.flip");
    await page.setInputFiles("input[name=sheet]", file);
    await settled(page, ".reg-figures");
    await until(page, () => document.querySelector(".reg-figures")?.getAttribute("aria-busy") !== "true");
    await shot(what);
  };
  if (BAD)
    await step(`${name}: a sheet with faults is tried`, async () => {
      await sheet(BAD, "import-faults");
      const words = await page.locator(".reg-fault .reg-exactly").allTextContents();
      await page.locator("dialog[open] header .only-icon").click();
      return words.slice(0, 9);
    });
  if (SHEET)
    await step(`${name}: the district is taken in`, async () => {
      await sheet(SHEET, "import");
      const commit = page.locator(".reg-commit");
      if (await commit.isEnabled()) {
        await commit.click();
        await until(page, () => !document.querySelector(".reg-commit"));
        await shot("import-done");
      }
      await page.locator("dialog[open] header .only-icon").click();
    });
  let cameras = [];
  await step(`${name}: the register`, async () => {
    await go("/register", ".reg-line[data-camera]");
    await shot("register");
    cameras = await ask("/cameras");
    await go("/register?q=xxmk", ".reg-table, .empty");
    await shot("register-search");
    const one = cameras.find((camera) => camera.state === "offline") ?? cameras[0];
    for (const tab of ["record", "place", "streams", "history"]) {
      await go(`/register?c=${one.code}&tab=${tab}`, ".reg-detail .reg-body");
      await page.waitForTimeout(tab === "place" ? 800 : 100);
      await shot(`register-${tab}`);
    }
    return `${cameras.length} cameras`;
  });
  await step(`${name}: from the district to one camera`, async () => {
    await go("/health?tab=supervision&by=town", ".rates tbody tr");
    await shot("supervision-district");
    for (const what of ["town", "village", "camera"]) {
      await page.locator(".rates tbody a").first().click();
      await settled(page, what === "camera" ? ".strips" : ".rates tbody tr");
      await until(page, () => document.querySelectorAll(".crumbs a").length > 0);
      await shot(`supervision-${what}`);
    }
    const way = await page.locator(".crumbs").textContent();
    await go("/health?tab=outages", ".outages, .empty, table");
    await shot("outages");
    return way;
  });
  await step(`${name}: the links`, async () => {
    await go("/links", ".link-row");
    await shot("links");
    const links = await ask("/links");
    const fullest = links.toSorted((a, b) => b.refused - a.refused || b.reserved_bps - a.reserved_bps)[0];
    await go(`/links?r=${fullest.id}`, ".link-figures");
    await page.waitForTimeout(300);
    await shot("links-one");
    return `${links.length} links`;
  });
  await step(`${name}: health, and a diagnosis from it`, async () => {
    await go("/health", ".health-grid");
    await shot("health");
    // Cameras are looked at in turn: the first that does not answer is there within moments.
    await page.waitForSelector(".lines .in-line");
    await page.locator(".lines .in-line").first().click();
    await page.waitForSelector(".diagnosis[data-running=false]");
    await shot("diagnosis");
    return page.locator(".diagnosis .verdict strong").textContent();
  });
});
