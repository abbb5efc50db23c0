// Evidence in a real browser: a package is asked for by the API, verified by the command line, unpacked, and its page opened from
// the disk. It must play and seek, and ask nobody for anything.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { pathToFileURL } from "node:url";
import { DEADLINE_MS, launch, settings, until } from "./lib.mjs";
import { unpack } from "./package.mjs";

const binary = resolve("..", process.env.SIGHTLINE ?? "target/debug/sightline");
const shots = process.env.SHOTS;
const work = mkdtempSync(join(tmpdir(), "evidence-"));
const fail = (text) => {
  throw new Error(text);
};

async function api(token, method, path, body) {
  const headers = { "content-type": "application/json", ...(token && { authorization: `Bearer ${token}` }) };
  const answer = await fetch(`${settings.url}/api/v1/${path}`, { method, headers, body: body && JSON.stringify(body) });
  if (!answer.ok) fail(`${method} ${path}: ${answer.status} ${await answer.text()}`);
  return answer;
}

/** Asks until there is an answer. */
async function eventually(what, ask) {
  const begun = Date.now();
  for (;;) {
    const answer = await ask();
    if (answer) return answer;
    if (Date.now() - begun > DEADLINE_MS * 2) fail(`still not: ${what}`);
    await new Promise((done) => setTimeout(done, 500));
  }
}

try {
  const signIn = { user: settings.user, password: settings.password };
  const { token } = await (await api(null, "POST", "session?token=1", signIn)).json();
  const cameras = await eventually("two cameras record", async () => {
    const all = await (await api(token, "GET", "cameras")).json();
    const recorded = all.filter((c) => c.recording);
    return recorded.length >= 2 && recorded.slice(0, 2).map((c) => c.code);
  });
  const from = new Date();
  await eventually("12 s of both are recorded", async () => {
    const range = `from=${from.toISOString()}&to=${new Date().toISOString()}`;
    const all = await Promise.all(
      cameras.map(async (c) => (await api(token, "GET", `cameras/${c}/recordings?${range}`)).json()),
    );
    return all.every((t) => t.spans.length && Date.parse(t.spans.at(-1).end) - from > 12_000);
  });
  const to = new Date();
  const wanted = { cameras, from: from.toISOString(), to: to.toISOString(), reason: "case 17 </script>" };
  const { id } = await (await api(token, "POST", "evidence", wanted)).json();
  const job = await eventually("the package is made", async () => {
    const job = await (await api(token, "GET", `evidence/${id}`)).json();
    return !["queued", "running"].includes(job.state) && job;
  });
  if (job.state !== "done") fail(`the job is ${JSON.stringify(job)}`);
  const file = join(work, job.package.name);
  writeFileSync(file, Buffer.from(await (await api(token, "GET", `evidence/${id}/package.zip`)).arrayBuffer()));
  const { key } = await (await api(token, "GET", "signing-key")).json();
  const said = execFileSync(binary, ["verify", file, "--key", key], { encoding: "utf8" });
  if (!said.includes("genuine")) fail(said);
  const unpacked = join(work, "unpacked");
  unpack(file, unpacked);

  const browser = await launch();
  const context = await browser.newContext({ viewport: { width: 1600, height: 1000 }, offline: true });
  const page = await context.newPage();
  const strays = [];
  const errors = [];
  page.on("request", (request) => {
    if (!/^(file|data|blob):/.test(request.url())) strays.push(request.url());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  page.on("console", (line) => line.type() === "error" && errors.push(line.text()));
  await page.goto(pathToFileURL(join(unpacked, "index.html")).href);
  const shown = () =>
    page.evaluate(() =>
      [...document.querySelectorAll("video")].map((v) => [v.readyState, v.currentTime, v.videoWidth, v.error?.message]),
    );
  await until(page, () => [...document.querySelectorAll("video")].every((v) => v.readyState >= 2 && v.videoWidth > 0));
  if ((await page.locator("video").count()) !== 2) fail("not two cameras");
  if (!(await page.locator("#about").textContent()).includes("case 17 </script>")) fail("the reason is not there");
  await page.click("#play");
  await until(page, () => [...document.querySelectorAll("video")].every((v) => v.currentTime > 1.5));
  await page.click("#play");
  const apart = await page.evaluate(() => {
    const line = document.querySelector("#line").getBoundingClientRect();
    return [line.left, line.top, line.width, line.height];
  });
  // To the middle of the range: both jump there and stand.
  await page.mouse.click(apart[0] + apart[2] * 0.6, apart[1] + apart[3] / 2);
  await until(page, () =>
    [...document.querySelectorAll("video")].every(
      (v) => !v.seeking && v.paused && v.readyState >= 2 && v.currentTime > 4,
    ),
  );
  const stands = await shown();
  if (shots) await page.screenshot({ path: join(shots, "evidence.png") });
  if (strays.length) fail(`it asked for ${strays}`);
  if (errors.length) fail(`it said ${errors}`);
  await browser.close();
  console.log(`evidence: ${job.package.bytes} bytes, played and sought offline: ${JSON.stringify(stands)}`);
} finally {
  rmSync(work, { recursive: true, force: true });
}
