// What the page tests share: a browser, a signed-in page, and a list of requests that left the origin.
import { chromium } from "playwright-core";

export const settings = {
  url: (process.env.URL ?? "http://127.0.0.1:8080").replace(/\/$/, ""),
  user: process.env.SIGHTLINE_USER ?? process.env.USER ?? "admin",
  password: process.env.PASSWORD ?? "",
  chromium: process.env.CHROMIUM ?? "/usr/bin/chromium",
};

/**
 * How long anything may take before it counts as not happening. The machine may be small, busy, and decode video without
 * help: nothing here waits for a length of time, everything waits for a condition, this long at the most.
 */
export const DEADLINE_MS = Number(process.env.DEADLINE_MS ?? 120_000);

/** Waits until `test` holds in the page. Asked by a timer: a busy page may draw no frame for seconds. */
export const until = (page, test, arg) => page.waitForFunction(test, arg, { polling: 100, timeout: DEADLINE_MS });

/** The same for a test that takes its time (a call, a cache): `until` would take its promise for a yes. What it answers. */
export async function eventually(page, test, arg) {
  const deadline = performance.now() + DEADLINE_MS;
  for (;;) {
    const said = await page.evaluate(test, arg);
    if (said) return said;
    if (performance.now() > deadline) throw new Error(`still not: ${String(test).slice(0, 200)}`);
    await new Promise((done) => setTimeout(done, 200));
  }
}

export const SIZES = {
  desk: { width: 1920, height: 1080 },
  hall: { width: 3840, height: 2160 },
  tablet: { width: 1024, height: 768 },
  phone: { width: 390, height: 844 },
};

export async function launch(more = []) {
  return chromium.launch({
    executablePath: settings.chromium,
    args: ["--no-sandbox", "--autoplay-policy=no-user-gesture-required", "--disable-dev-shm-usage", ...more],
  });
}

/** A page that is signed in; `strays` fills with requests to other origins, `errors` with what the page threw. */
export async function signedIn(
  browser,
  {
    size = SIZES.desk,
    locale = "zh-CN",
    path = "/wall",
    touch = false,
    mobile = touch,
    url = settings.url,
    zone = "",
  } = {},
) {
  const context = await browser.newContext({
    viewport: size,
    locale,
    ...(zone ? { timezoneId: zone } : {}),
    ignoreHTTPSErrors: true,
    hasTouch: touch,
    isMobile: mobile,
  });
  context.setDefaultTimeout(DEADLINE_MS);
  context.setDefaultNavigationTimeout(DEADLINE_MS);
  const page = await context.newPage();
  const origin = new globalThis.URL(url).origin;
  const strays = [];
  const errors = [];
  page.on("request", (request) => {
    const url = new globalThis.URL(request.url());
    if (!["data:", "blob:"].includes(url.protocol) && url.origin !== origin) strays.push(request.url());
  });
  page.on("websocket", (socket) => {
    if (new globalThis.URL(socket.url()).host !== new globalThis.URL(origin).host) strays.push(socket.url());
  });
  page.on("pageerror", (error) => errors.push(String(error)));
  await page.goto(url + path);
  await page.fill("input[name=user]", settings.user);
  await page.fill("input[name=password]", settings.password);
  await page.click("button[type=submit]");
  await page.waitForSelector(".shell");
  return { page, context, strays, errors };
}

/** What sticks out of the window, or is cut off without a way to see the rest. */
export const spills = (page) =>
  page.evaluate(() => {
    const out = [];
    if (document.documentElement.scrollWidth > innerWidth + 1)
      out.push(`the page is ${document.documentElement.scrollWidth} wide`);
    for (const element of document.querySelectorAll(
      "main button, main a.button, main h1, main h2, main h3, dialog[open] button",
    )) {
      const box = element.getBoundingClientRect();
      if (box.width === 0 || box.height === 0) continue;
      const clips = getComputedStyle(element).textOverflow === "ellipsis";
      if (box.right > innerWidth + 1 && !element.closest(".table-scroll, .scroll-x, .scroll, .choice"))
        out.push(`${element.tagName} "${element.textContent?.trim().slice(0, 30)}" ends at ${Math.round(box.right)}`);
      if (!clips && element.scrollWidth > element.clientWidth + 2 && element.clientWidth > 0)
        out.push(`${element.tagName} "${element.textContent?.trim().slice(0, 30)}" is cut`);
    }
    return out;
  });

export function expect(condition, words) {
  if (!condition) throw new Error(words);
}

/**
 * The steps of a judge, timed: the first that fails is the last one. `look` gets what to call a picture of it, and takes it;
 * `done` what comes after a step that held. `report` prints one JSON object, and the status is 1 where one failed.
 */
export function judged({ look, done }) {
  const steps = [];
  const step = async (name, work) => {
    if (steps.some((one) => !one.ok)) return;
    const start = performance.now();
    try {
      const said = await work();
      const ms = Math.round(performance.now() - start);
      steps.push({ name, ok: true, ms, ...(said === undefined ? {} : { said }) });
      await done?.(steps.length);
    } catch (error) {
      steps.push({ name, ok: false, error: String(error).split("\n")[0] });
      await look(`failed-${steps.length}`).catch(() => undefined);
    }
  };
  const report = () => {
    const ok = steps.length > 0 && steps.every((one) => one.ok);
    console.log(JSON.stringify({ ok, steps }, null, 2));
    process.exitCode = ok ? 0 : 1;
  };
  return { step, report };
}

/** A walk at each of the sizes and in the language that the command line names (`[SIZE,...] [zh|en]`); what fails ends it. */
export async function walks(path, walk) {
  const [sizes = "desk", language = "zh"] = process.argv.slice(2);
  const steps = [];
  const step = async (name, work) => {
    const start = performance.now();
    const said = await work();
    steps.push({ name, ms: Math.round(performance.now() - start), ...(said === undefined ? {} : { said }) });
  };
  const browser = await launch();
  try {
    for (const name of sizes.split(",")) {
      const session = await signedIn(browser, {
        size: SIZES[name],
        locale: language === "en" ? "en-GB" : "zh-CN",
        path,
        touch: name === "phone",
        zone: "Asia/Shanghai",
      });
      await walk({ page: session.page, name, language, step });
      expect(session.errors.length === 0, session.errors.join("; "));
      expect(session.strays.length === 0, session.strays.join(", "));
      await session.context.close();
    }
  } finally {
    console.log(JSON.stringify(steps, null, 1));
    await browser.close();
  }
}
