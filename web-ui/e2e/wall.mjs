// Sixteen tiles, each proven alive. Prints one JSON object; the status is 1 when a tile is not.
//   URL=http://127.0.0.1:8080 SIGHTLINE_USER=admin PASSWORD=... node e2e/wall.mjs [TILES]
import { FRAMES, prove } from "./alive.mjs";
import { DEADLINE_MS, launch, settings, signedIn } from "./lib.mjs";

const tiles = Number(process.argv[2] ?? 16);

const browser = await launch();
try {
  const { page, strays, errors } = await signedIn(browser);
  await page.waitForSelector(".grid .live-tile");
  const proofs = await page.evaluate(prove, { frames: FRAMES, deadlineMs: DEADLINE_MS });
  const alive = proofs.filter((proof) => proof.alive).length;
  const ok = alive >= tiles && strays.length === 0 && errors.length === 0;
  console.log(JSON.stringify({ ok, url: settings.url, wanted: tiles, alive, strays, errors, tiles: proofs }));
  process.exitCode = ok ? 0 : 1;
} finally {
  await browser.close();
}
