// How long an incident takes to open: from the press on it in the list until its log and its tasks stand there.
//   URL=... SIGHTLINE_USER=admin PASSWORD=... node e2e/incident-open.mjs INCIDENT [TIMES]
// The last line is JSON: {"median_ms":...,"all_ms":[...]}.
import { launch, settings, signedIn } from "./lib.mjs";

const [id, times = "7"] = process.argv.slice(2);
const browser = await launch();
try {
  const { page } = await signedIn(browser, { path: "/incidents" });
  // One beside it, so that there is somewhere to come from.
  const other = await page.evaluate(async () => {
    const answer = await fetch("/api/v1/incidents", {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ title: "beside", grade: "IV", kind: "", note: "" }),
    });
    return (await answer.json()).id;
  });
  const all = [];
  for (let i = 0; i < Number(times) + 1; i += 1) {
    await page.goto(`${settings.url}/incidents?id=${other}`);
    await page.waitForSelector(`.incident-item[href$="${id}"]`);
    await page.waitForSelector(".incident-detail .log-row");
    const took = await page.evaluate(async (wanted) => {
      const began = performance.now();
      document.querySelector(`.incident-item[href$="${wanted}"]`).click();
      const there = () => {
        const rows = [...document.querySelectorAll(".incident-detail .log-row")];
        const total = Number(document.querySelector(".log-card header .dim")?.textContent.match(/\d+/)?.[0] ?? 0);
        return total > 1000 && rows.length > 3 && rows.slice(0, 4).every((row) => row.querySelector("strong"));
      };
      while (!there()) await new Promise((done) => requestAnimationFrame(done));
      await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
      return performance.now() - began;
    }, id);
    // The first opening fetches the page's own code; it is not among those that count.
    if (i > 0) all.push(Math.round(took));
  }
  all.sort((a, b) => a - b);
  console.log(JSON.stringify({ median_ms: all[Math.floor(all.length / 2)], all_ms: all }));
} finally {
  await browser.close();
}
