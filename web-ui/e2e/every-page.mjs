// Every page and dialog that there is, and a district that has something on each: for axe.mjs, which judges them, and screens.mjs.
import { settings, until } from "./lib.mjs";

const DAY_MS = 86_400_000;
const iso = (ms) => new Date(ms).toISOString();

/** The API as the page that is signed in may ask it. */
export const asker = (page) => (path, method, body) =>
  page.evaluate(
    async ([to, how, what]) => {
      const answer = await fetch(`/api/v1${to}`, {
        method: how,
        ...(what ? { headers: { "content-type": "application/json" }, body: JSON.stringify(what) } : {}),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`${how} ${to}: ${answer.status} ${text}`);
      return text ? JSON.parse(text) : null;
    },
    [path, method ?? "GET", body],
  );

/** A photo for an incident's log, drawn by the browser. */
async function photo(page, incident) {
  return page.evaluate(async (id) => {
    const canvas = document.createElement("canvas");
    [canvas.width, canvas.height] = [640, 360];
    const context = canvas.getContext("2d");
    for (let n = 0; n < 9; n++) {
      context.fillStyle = `hsl(${200 + n * 6} 40% ${25 + n * 4}%)`;
      context.fillRect(0, n * 40, 640, 40);
    }
    const blob = await new Promise((done) => canvas.toBlob(done, "image/jpeg"));
    const answer = await fetch(`/api/v1/incidents/${id}/attachments`, { method: "POST", body: blob });
    return (await answer.json()).id;
  }, incident);
}

/**
 * Something on every page: an incident that is handled, a plan, a rule, a hold, a package, an outage, an account, a group, a
 * guest. Once a district: what is there already is taken.
 */
export async function furnish(page) {
  const ask = asker(page);
  const { user, region } = await ask("/session");
  const cameras = await ask("/cameras");
  const codes = cameras.map((one) => one.code);
  const [placed] = cameras.filter((one) => one.place && one.state !== "disabled");
  const live = (await recorded(page, ask, codes)) ?? placed.code;
  const now = Date.now();
  const title = "演练：梅江水位超警戒，沿江低洼处转移群众";
  let incident = (await ask("/incidents?state=all&limit=100")).find((one) => one.title === title)?.id;
  if (!incident) {
    incident = (
      await ask("/incidents", "POST", {
        title,
        grade: "II",
        kind: "flood",
        note: "水文站报警，预计两小时后到达洪峰",
        event: null,
        camera: placed.code,
        place: null,
      })
    ).id;
    const of = `/incidents/${incident}`;
    await ask(`${of}/cameras`, "POST", { add: [live, ...codes].slice(0, 6), remove: [] });
    await ask(`${of}/transitions`, "POST", { to: "verified", note: "现场已核实" });
    for (const [n, words] of ["封闭漫水桥，设置警戒", "转移低洼处群众三十户", "巡查上游河堤"].entries()) {
      await ask(`${of}/tasks`, "POST", {
        title: words,
        owner: user,
        detail: n === 1 ? "先老人与儿童；安置点在镇中心小学" : "",
        deadline: iso(now + (n + 1) * 1_800_000),
      });
    }
    await ask(`${of}/tasks/1/steps`, "POST", { step: "acknowledge", note: "" });
    await ask(`${of}/tasks/1/steps`, "POST", { step: "begin", note: "" });
    const kept = await photo(page, incident);
    await ask(`${of}/tasks/1/steps`, "POST", {
      step: "feed-back",
      note: "桥面水深四十公分，已封闭",
      place: placed.place,
      attachments: [kept],
    });
    await ask(`${of}/tasks/2/steps`, "POST", { step: "urge", note: "请尽快出发" });
    await ask(`${of}/log`, "POST", { note: "已通知下游各村" });
    await ask("/events", "POST", { text: "村民报告：河堤有渗水", grade: "III", region, camera: live });
    await ask("/contingency-plans/drill", "PUT", {
      id: "drill",
      name: "防汛预案",
      region,
      kind: "flood",
      grade: null,
      tasks: [
        { title: "封闭漫水桥", detail: "", owner: null, minutes: 30 },
        { title: "清点物资", detail: "沙袋、照明、救生衣", owner: user, minutes: 60 },
      ],
      camera_radius_m: 1000,
      camera_count: 9,
      cameras: codes.slice(0, 4),
      wall: { tiles: 4, cameras: codes.slice(0, 4) },
      tell: [user],
      guidance: "先人后物",
    });
    await ask("/rules/drill", "PUT", {
      id: "drill",
      name: "夜间河道有人",
      on: true,
      kinds: ["motion"],
      region,
      cameras: [],
      at_least: null,
      hours: [{ days: 127, from_min: 1320, to_min: 360 }],
      count: 3,
      within_s: 60,
      per: "camera",
      quiet_s: 300,
      acts: ["popup", { grade: "III" }],
    });
    await ask("/groups/drill", "PUT", { name: "沿江", kind: "river", note: "", cameras: codes.slice(0, 5) });
    await ask("/walls/drill", "PUT", {
      name: "指挥大厅",
      region,
      screens: {
        1: {
          name: "左屏",
          layout: 4,
          cells: codes.slice(0, 4).map((camera) => ({ camera, profile: "auto" })),
          alarm: null,
          focus: null,
          tour: null,
        },
      },
    });
    await ask("/holds", "POST", {
      kind: "evidence",
      cameras: [live],
      from: iso(now - 60_000),
      to: iso(now - 5000),
      reason: "演练取证",
      until: iso(now + 90 * DAY_MS),
    });
    await ask("/evidence", "POST", {
      cameras: [live],
      from: iso(now - 30_000),
      to: iso(now - 5000),
      reason: "演练取证",
      incident,
    });
    await ask("/outages", "POST", {
      cameras: codes.slice(1, 3),
      from: iso(now + DAY_MS),
      to: iso(now + 2 * DAY_MS),
      reason: "供电改造",
    });
    await ask("/users", "POST", {
      user: "drill-officer",
      name: "演练值班员",
      password: "drill officer password",
      role: "responder",
      region,
    });
  }
  const guest = (await ask(`/incidents/${incident}/guests`, "POST", { name: "消防支队", hours: 2 })).url;
  return { code: live, codes, incident, guest, region };
}

/** A camera with half a minute recorded, once there is one. */
async function recorded(page, ask, codes) {
  let found = null;
  await until(page, () => true);
  for (let n = 0; n < 120 && !found; n++) {
    const range = `from=${iso(Date.now() - 600_000)}&to=${iso(Date.now())}`;
    for (const code of codes.slice(0, 6)) {
      const { spans } = await ask(`/cameras/${code}/recordings?${range}`);
      const [first] = spans;
      if (first && Date.parse(spans.at(-1).end) - Date.parse(first.start) > 32_000) found ??= code;
    }
    if (!found) await new Promise((done) => setTimeout(done, 500));
  }
  return found;
}

/** The first of these that can be seen is pressed. */
const press = async (page, selector) => page.locator(selector).filter({ visible: true }).first().click();
const opens =
  (...selectors) =>
  async (page) => {
    for (const one of selectors) await press(page, one);
  };
/** On a phone the parts of an incident stand behind each other. */
const part =
  (n, ...selectors) =>
  async (page, phone) => {
    if (phone) await press(page, `.incident-detail > .choice button >> nth=${n}`);
    await opens(...selectors)(page);
  };
const keys =
  (...names) =>
  async (page) => {
    await page.waitForSelector(".recorded-at[data-at]");
    await page.focus("canvas.timeline");
    for (const name of names) await page.keyboard.press(name);
  };

const DIALOG = "dialog[open] .dialog-body, dialog[open] form, dialog[open] .chooser";
const LAYERS = ".map-zoom > .button:nth-of-type(4)";
/** What `furnish` reported, in a table or as a card. */
const REPORTED = ["人工上报", "Reported"]
  .flatMap((kind) => [`tr[data-open=true]:has-text('${kind}') .button`, `.event-card:has-text('${kind}')`])
  .join(", ");

/**
 * Name, address, what must be there when it is looked at, and what is done before. `wide`: not on a phone. `alike`: like another
 * one to a judge, for pictures only. `plays`: so many tiles must be live in a picture. `paper`: to be printed.
 */
export const pages = ({ code, codes, incident, region }) => {
  const some = (n) => codes.slice(0, n).join();
  const dialog = DIALOG;
  const camera = `/register?c=${code}`;
  return [
    // Watching.
    { name: "wall-16", path: "/wall", there: ".live-tile", plays: 16 },
    { name: "wall-1", path: `/wall?l=1&c=${code}&f=0`, there: ".live-tile", plays: 1, alike: true },
    { name: "wall-4", path: `/wall?l=4&c=${some(3)}&f=1`, there: ".live-tile", plays: 3 },
    { name: "wall-25", path: `/wall?l=25&c=${some(25)}`, there: ".live-tile", plays: 20, alike: true },
    { name: "wall-alarm", path: `/wall?l=4&c=${some(3)}&a=3`, there: ".tile.kept, .phone-wall" },
    ...Object.entries({ keys: ["?", "kbd"], "wall-layouts": ["l", ".layouts"], "wall-send": ["d", ".send-set"] }).map(
      ([name, [key, what]]) => ({
        name,
        path: `/wall?l=4&c=${some(3)}`,
        there: `dialog[open] ${what}`,
        wide: true,
        act: opens(`[data-key="${key}"]`),
      }),
    ),
    { name: "walls", path: "/walls", there: ".walls-page .empty, .director .mini" },
    // In the order of their buttons; keys are the last.
    ...["edit", "links", "remove", "new", "keys"].map((what, n) => ({
      name: `walls-${what}`,
      path: "/walls",
      there: `${DIALOG}, dialog[open] kbd`,
      act: async (page) => {
        await page.waitForSelector(".director");
        await press(page, `.walls-head .button >> nth=${n}`);
      },
    })),
    {
      name: "wall-figures",
      path: `/wall?l=1&c=${code}&f=0`,
      there: ".quality",
      wide: true,
      act: async (page) => {
        await page.waitForSelector(".live-tile[data-state=live]");
        await page.keyboard.press("i");
      },
    },
    { name: "why", path: `/wall?l=1&c=${code}`, there: "dialog[open] .why-links", act: opens(".tile-why") },
    {
      name: "diagnosis",
      path: `/wall?l=1&c=${code}`,
      there: ".diagnosis[data-running=false]",
      act: opens(".tile-why", "dialog[open] .actions .button >> nth=0"),
    },
    { name: "map", path: "/map", there: ".map-canvas canvas" },
    { name: "map-camera", path: `/map?c=${code}`, there: ".camera-panel .live-tile" },
    { name: "map-near", path: "/map?near=116.1,24.27", there: ".camera-panel" },
    { name: "map-layers", path: "/map", there: ".map-panel fieldset", act: opens(LAYERS) },
    {
      name: "map-search",
      path: "/map",
      there: ".map-hits [role=option]",
      act: (page) => page.fill(".map-search input", "ss"),
    },
    ...["measure-line", "measure-area", "drawing"].map((what, n) => ({
      name: `map-${what}`,
      path: "/map",
      there: ".map-panel",
      act: async (page) => {
        await page.waitForSelector(".map-canvas canvas");
        await press(page, `.map-tools:last-child .button:nth-child(${n + 1})`);
        const box = await page.locator(".map-canvas").boundingBox();
        for (const [x, y] of [
          [0.3, 0.25],
          [0.5, 0.3],
          [0.45, 0.42],
        ]) {
          await page.mouse.click(box.x + box.width * x, box.y + box.height * y, { delay: 20 });
          // Two clicks that follow at once are a double one to the map.
          await page.waitForTimeout(350);
        }
      },
    })),
    {
      name: "map-sources",
      path: "/map",
      there: "dialog[open] .actions .button",
      act: opens(LAYERS, ".map-panel fieldset .button"),
    },
    {
      name: "map-source-form",
      path: "/map",
      there: ".source-preview canvas",
      act: opens(LAYERS, ".map-panel fieldset .button", "dialog[open] .actions .button >> nth=2"),
    },
    {
      name: "map-outline",
      path: "/map",
      there: "dialog[open] form",
      wide: true,
      act: opens(".regions li button", ".outline-tools .button"),
    },
    {
      name: "map-incident",
      path: `/map?c=${code}`,
      there: dialog,
      act: opens(".camera-panel .button:has-text('新建事件'), .camera-panel .button:has-text('New incident')"),
    },
    // Recordings.
    { name: "playback", path: `/playback?c=${some(2)}`, there: ".pane[data-state=ready]" },
    { name: "playback-9", path: `/playback?c=${some(9)}`, there: ".pane[data-state=ready]" },
    { name: "playback-empty", path: "/playback", there: ".empty" },
    {
      name: "playback-add",
      path: `/playback?c=${code}`,
      there: dialog,
      act: opens(".transport .button:not(.only-icon)"),
    },
    { name: "playback-marked", path: `/playback?c=${some(2)}`, there: ".marked", act: keys("i") },
    {
      name: "playback-month",
      path: `/playback?c=${some(2)}`,
      there: ".timeline-panel[data-level='3']",
      act: async (page) => {
        await page.waitForSelector(".recorded-at[data-at]");
        await page.selectOption(".spans select", { index: 7 });
      },
    },
    { name: "playback-goto", path: `/playback?c=${code}`, there: "#go-to-said:not([hidden]), .go-to", act: keys("g") },
    ...Object.entries({ evidence: "e", hold: "h", export: "x" }).map(([what, key]) => ({
      name: `dialog-${what}`,
      path: `/playback?c=${some(3)}`,
      there: "dialog[open] form",
      act: keys("i", key),
    })),
    { name: "plans-table", path: "/recordings?tab=plans", there: ".plans-table tbody tr" },
    {
      name: "recording-plan",
      path: "/recordings?tab=plans",
      there: "dialog[open] .week-grid",
      act: opens(
        ".plans-table tbody .only-icon",
        "dialog[open] [role=radio]:has-text('按周'), dialog[open] [role=radio]:has-text('Weekly')",
      ),
    },
    { name: "recording-region", path: "/recordings?tab=plans", there: dialog, act: opens(".card.rules > .button") },
    { name: "completeness", path: "/recordings?tab=completeness", there: ".heat td" },
    { name: "holds", path: "/recordings?tab=holds", there: "tr[data-hold]" },
    { name: "hold-pick", path: "/recordings?tab=holds", there: dialog, act: opens(".tab-bar .button") },
    {
      name: "hold-extend",
      path: "/recordings?tab=holds",
      there: dialog,
      act: opens("tr[data-hold] button.button.plain"),
    },
    { name: "hold-release", path: "/recordings?tab=holds", there: dialog, act: opens("tr[data-hold] .danger") },
    { name: "packages", path: "/recordings?tab=evidence", there: ".job" },
    {
      name: "package-delete",
      path: "/recordings?tab=evidence",
      there: dialog,
      act: opens(".job[data-state=done] .only-icon"),
    },
    { name: "storage", path: "/recordings?tab=storage", there: ".volumes li" },
    // Command.
    { name: "events", path: "/events", there: ".events-page table" },
    { name: "event", path: "/events", there: "dialog[open] .event-facts", act: opens(REPORTED) },
    {
      name: "event-incident",
      path: "/events",
      there: "dialog[open] form",
      act: opens(REPORTED, "dialog[open] .button:has-text('转为事件'), dialog[open] .button:has-text('Open incident')"),
    },
    { name: "event-report", path: "/events", there: dialog, act: opens(".page-head .button") },
    { name: "rules", path: "/events?tab=rules", there: ".rules-view li" },
    {
      name: "rule-trial",
      path: "/events?tab=rules",
      there: ".trial",
      act: async (page) => {
        await press(page, ".rules-view .button.accent");
        await page.fill(".rule-form input >> nth=0", "演练");
        await press(page, ".rule-form button[type=submit]");
      },
    },
    {
      name: "rule-remove",
      path: "/events?tab=rules",
      there: dialog,
      act: opens(".rules-view li .actions .button >> nth=1"),
    },
    { name: "incidents", path: "/incidents", there: ".incident-item" },
    { name: "incident", path: `/incidents?id=${incident}`, there: ".incident-detail .stages" },
    {
      name: "incident-tasks",
      path: `/incidents?id=${incident}`,
      there: ".task",
      act: part(1),
    },
    {
      name: "incident-cameras",
      path: `/incidents?id=${incident}`,
      there: ".linked-map canvas",
      act: part(2, ".linked-card header .button"),
    },
    { name: "incident-new", path: "/incidents", there: dialog, act: opens(".incident-list header .button") },
    {
      name: "incident-close",
      path: `/incidents?id=${incident}`,
      there: ".move-form",
      act: opens("header .actions .button.plain"),
    },
    {
      name: "incident-grade",
      path: `/incidents?id=${incident}`,
      there: ".grades",
      act: opens("header .actions .button.accent"),
    },
    {
      name: "plan-start",
      path: `/incidents?id=${incident}`,
      there: ".plan-option",
      act: opens(".incident-detail header .button:has-text('预案'), .incident-detail header .button:has-text('plan')"),
    },
    {
      name: "guests",
      path: `/incidents?id=${incident}`,
      there: ".guests li",
      act: opens(".incident-detail header .button:has-text('访客'), .incident-detail header .button:has-text('Guest')"),
    },
    {
      name: "task-give",
      path: `/incidents?id=${incident}`,
      there: dialog,
      act: part(1, ".task-card > header .button"),
    },
    { name: "task-step", path: `/incidents?id=${incident}`, there: dialog, act: part(1, ".task [data-step=withdraw]") },
    {
      name: "incident-link",
      path: `/incidents?id=${incident}`,
      there: dialog,
      act: part(2, ".linked-card header .button:last-child"),
    },
    {
      name: "incident-evidence",
      path: `/incidents?id=${incident}`,
      there: dialog,
      act: part(2, ".evidence-list .actions .button"),
    },
    { name: "plans", path: "/incidents?view=plans", there: ".plan-list li" },
    {
      name: "plan-editor",
      path: "/incidents?view=plans",
      there: "dialog[open] .plan-editor",
      act: opens(".plan-list .button"),
    },
    { name: "statistics", path: "/incidents?view=statistics", there: ".statistics .card" },
    {
      name: "replay",
      path: `/incidents?replay=${incident}`,
      there: ".replay-log li",
      act: async (page) => {
        const next = page.locator(
          ".replay > footer .button[aria-label='下一条'], .replay > footer .button[aria-label='Next entry']",
        );
        for (let n = 0; n < 6; n++) if (await next.isEnabled()) await next.click();
      },
    },
    {
      name: "report",
      path: `/api/v1/incidents/${incident}/report.html?language=LANGUAGE`,
      there: "main footer",
      paper: true,
    },
    // The register.
    { name: "register", path: "/register", there: ".reg-line[data-camera]" },
    { name: "register-region", path: `/register?r=${region}`, there: ".reg-region" },
    { name: "register-record", path: camera, there: ".reg-detail input[name=name]" },
    { name: "register-place", path: `${camera}&tab=place`, there: ".reg-map canvas" },
    { name: "register-streams", path: `${camera}&tab=streams`, there: "input[name=main_url]" },
    { name: "register-history", path: `${camera}&tab=history`, there: ".reg-history li" },
    { name: "register-zones", path: `${camera}&tab=zones`, there: ".zone-stage" },
    {
      name: "register-zone",
      path: `${camera}&tab=zones`,
      there: ".zone-corner",
      act: async (page) => {
        await page.waitForSelector(".zone-stage:not(.blank)");
        await press(page, ".zone-side-panel .actions .button");
      },
    },
    {
      name: "register-delete",
      path: camera,
      there: "dialog[open] .danger",
      act: opens(".reg-detail > header [aria-label='删除'], .reg-detail > header [aria-label='Delete']"),
    },
    { name: "register-new", path: "/register?c=", there: ".reg-detail footer" },
    { name: "register-import", path: "/register", there: dialog, act: opens(".page-head .actions .button >> nth=1") },
    { name: "register-devices", path: "/register", there: dialog, act: opens(".page-head .actions .button >> nth=2") },
    {
      name: "register-codes",
      path: "/register",
      there: dialog,
      act: opens(".register .page-head > .button:not(.only-icon)"),
    },
    { name: "register-group", path: "/register", there: dialog, wide: true, act: opens(".reg-side-head .button") },
    {
      name: "register-bulk",
      path: "/register",
      there: dialog,
      act: async (page) => {
        await press(page, ".reg-line[data-camera] input[type=checkbox]");
        await press(page, ".reg-selection .button:has(.icon)");
      },
    },
    ...["add", "rename", "move", "history", "remove"].map((what, n) => ({
      name: `region-${what}`,
      path: `/register?r=${region}`,
      there: dialog,
      act: opens(`.reg-region .button >> nth=${n}`),
    })),
    // What runs, and who may.
    { name: "health", path: "/health", there: ".health-grid" },
    { name: "supervision", path: "/health?tab=supervision", there: ".supervision table, .supervision .empty" },
    { name: "supervision-makers", path: "/health?tab=supervision&by=maker", there: ".supervision table", alike: true },
    { name: "supervision-camera", path: `/health?tab=supervision&by=camera&camera=${code}`, there: ".strips" },
    { name: "outages", path: "/health?tab=outages", there: ".supervision table" },
    { name: "outage-new", path: "/health?tab=outages", there: dialog, act: opens(".supervision .button.accent") },
    { name: "outage-withdraw", path: "/health?tab=outages", there: dialog, act: opens(".supervision td .button") },
    { name: "links", path: "/links", there: ".link-row" },
    { name: "links-one", path: "/links", there: ".link-figures", act: opens(".link-row .link-pick") },
    { name: "users", path: "/admin?tab=users", there: "table tbody tr" },
    { name: "user-new", path: "/admin?tab=users", there: dialog, act: opens(".filters .button") },
    { name: "user-edit", path: "/admin?tab=users", there: dialog, act: opens("td .button >> nth=0") },
    { name: "user-delete", path: "/admin?tab=users", there: dialog, act: opens("td .button:enabled:nth-child(2)") },
    { name: "audit", path: "/admin?tab=audit", there: "table tbody tr" },
    // In the field.
    { name: "field", path: "/m", there: ".my-task" },
    { name: "field-map", path: "/m", there: ".small-map canvas", act: opens(".field-page > .choice button >> nth=1") },
    {
      name: "field-cameras",
      path: "/m",
      there: ".near-live .live-tile",
      act: opens(".field-page > .choice button >> nth=2", ".near"),
      plays: 1,
    },
    { name: "field-say", path: "/m", there: ".say-form", act: opens(".my-task [data-step=feed-back]") },
    { name: "field-outbox", path: "/m", there: dialog, act: opens(".outbox-bar") },
    // Around the pages.
    {
      name: "account",
      path: "/events",
      there: ".account .menu, .more .menu",
      act: opens(".account > [aria-expanded], .more > button"),
    },
    { name: "nowhere", path: "/nowhere", there: "main .empty" },
  ];
};

/** Those without an account: what is done after the page was opened, and what must be there. */
export const outside = ({ guest }) => [
  { name: "sign-in", path: "/wall", there: "form input[name=password]" },
  { name: "guest", path: guest, there: ".guest-page .picture-box" },
  { name: "guest-log", path: guest, there: ".guest-page .log li", act: opens(".guest-page > .choice button >> nth=1") },
  {
    name: "guest-map",
    path: guest,
    there: ".guest-page .small-map canvas",
    act: opens(".guest-page > .choice button >> nth=2"),
  },
  { name: "guest-bad", path: "/g#nobody", there: ".empty" },
];

/** Opens one of them in a page that is signed in, without loading all of it anew. */
export async function visit(page, one, { phone, language }) {
  const path = one.path.replace("LANGUAGE", language);
  const inside = !path.startsWith("/api/") && (await page.locator(".shell").count()) > 0;
  if (inside) {
    for (let n = 0; n < 3 && (await page.locator("dialog[open]").count()) > 0; n++) await page.keyboard.press("Escape");
    // By way of nowhere: what the page before held is gone.
    for (const to of ["/nowhere", path]) {
      await page.evaluate((there) => {
        history.pushState(null, "", there);
        dispatchEvent(new PopStateEvent("popstate"));
      }, to);
      if (to !== path) await page.waitForSelector("main > .empty");
    }
  } else await page.goto(settings.url + path);
  await one.act?.(page, phone);
  await page.waitForSelector(one.there, { state: "attached" });
  await until(page, () => !document.querySelector("main .loading"));
}
