// Keeps the field's page on the device, so that it opens without a network. What it shows comes from the gateway and from the
// device's own database; nothing of the API is kept here but the sketch map.
const NAME = "sightline-page";
const LIST = "/assets.json";
const KEPT_API = ["/api/v1/map/sketch.geojson", "/api/v1/map/config"];
/** A network that does not answer a page within this is none, ms. */
const PATIENCE = 3000;

/** Puts all files of this version into the cache, and takes those of others out. */
async function refresh() {
  const answer = await fetch(LIST, { cache: "no-store" });
  if (!answer.ok) return;
  const { files } = await answer.json();
  const cache = await caches.open(NAME);
  const wanted = new Set(["/", "/favicon.svg", "/manifest.webmanifest", ...files.map((file) => `/${file}`)]);
  for (const path of wanted) {
    const hashed = path.startsWith("/assets/");
    if (hashed && (await cache.match(path))) continue;
    const found = await fetch(path, { cache: hashed ? "default" : "no-store" });
    if (found.ok) await cache.put(path, found);
  }
  for (const kept of await cache.keys()) {
    const { pathname } = new URL(kept.url);
    if (pathname.startsWith("/assets/") && !wanted.has(pathname)) await cache.delete(kept);
  }
}

self.addEventListener("install", (event) => {
  event.waitUntil(refresh().then(() => self.skipWaiting()));
});
self.addEventListener("activate", (event) => {
  event.waitUntil(self.clients.claim());
});
self.addEventListener("message", (event) => {
  if (event.data === "refresh") event.waitUntil(refresh().catch(() => undefined));
});

async function page(request) {
  const cache = await caches.open(NAME);
  const kept = await cache.match("/");
  const asked = fetch(request);
  if (!kept) return asked;
  const late = new Promise((done) => setTimeout(done, PATIENCE));
  try {
    const found = await Promise.race([asked, late]);
    return found?.ok ? found : kept;
  } catch {
    return kept;
  }
}

async function file(request) {
  const cache = await caches.open(NAME);
  return (await cache.match(request)) ?? fetch(request);
}

async function api(request) {
  const cache = await caches.open(NAME);
  try {
    const found = await fetch(request);
    if (found.ok) await cache.put(request.url, found.clone());
    return found;
  } catch (error) {
    const kept = await cache.match(request.url);
    if (kept) return kept;
    throw error;
  }
}

self.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || url.origin !== location.origin) return;
  if (request.mode === "navigate" && !url.pathname.startsWith("/api/")) event.respondWith(page(request));
  else if (url.pathname.startsWith("/assets/") || url.pathname === "/favicon.svg") event.respondWith(file(request));
  else if (KEPT_API.includes(url.pathname)) event.respondWith(api(request));
});
