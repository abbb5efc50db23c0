// The built gateway with a district of its own, for what the demonstration cannot show: other configuration, thousands of cameras.
import { spawn, spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { settings } from "./lib.mjs";

export const root = resolve(dirname(fileURLToPath(import.meta.url)), "../..");
const PASSWORD = "e2e-district-password";

/** Meixian with its regions and its sketch and nobody in it; `more` is added to its configuration. `settings` are its own then. */
export async function serve(binary, more = "") {
  const work = mkdtempSync(join(tmpdir(), "sightline-e2e-"));
  const run = (args) => {
    const done = spawnSync(binary, args, { encoding: "utf8" });
    if (done.status !== 0) throw new Error(`sightline ${args[0]} ${args[1]}: ${done.stderr ?? done.error}`);
  };
  const password = join(work, "password");
  writeFileSync(password, PASSWORD);
  const account = ["--role", "administrator", "--region", "441403", "--new-password-file", password];
  run(["user", "add", "admin", ...account, "--data", join(work, "data")]);
  const port = await freePort();
  const config = join(work, "sightline.toml");
  const meixian = join(root, "configs/meixian");
  writeFileSync(
    config,
    `[district]\ncode = "441403"\nname = "梅县区"\nname_en = "Meixian"\n` +
      `regions = "${meixian}/regions.csv"\nsketch = "${meixian}/sketch.geojson"\n[data]\ndir = "data"\n` +
      `[listen]\naddress = "127.0.0.1:${port}"\nplain_http = true\n[log]\nlevel = "warn"\n${more}`,
  );
  const child = spawn(binary, ["serve", "--config", config], { stdio: ["ignore", "inherit", "inherit"] });
  const url = `http://127.0.0.1:${port}`;
  Object.assign(settings, { url, user: "admin", password: PASSWORD });
  for (let n = 0; ; n += 1) {
    if (child.exitCode !== null || n > 600) throw new Error("the gateway did not come up");
    const up = await fetch(`${url}/api/v1/openapi.json`).catch(() => null);
    if (up?.ok) break;
    await new Promise((done) => setTimeout(done, 100));
  }
  const close = async () => {
    child.kill("SIGTERM");
    if (child.exitCode === null) await new Promise((done) => child.once("exit", done));
    rmSync(work, { recursive: true, force: true });
  };
  return { url, work, run, api: await client(url), close };
}

function freePort() {
  return new Promise((done) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => done(port));
    });
  });
}

/** Calls of its API by its administrator. */
async function client(url) {
  const answer = await fetch(`${url}/api/v1/session?token=1`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user: settings.user, password: settings.password }),
  });
  const { token } = await answer.json();
  return async (method, path, body) => {
    const got = await fetch(`${url}/api/v1/${path}`, {
      method,
      headers: { authorization: `Bearer ${token}` },
      ...(body === undefined ? {} : { body: typeof body === "string" ? body : JSON.stringify(body) }),
    });
    if (!got.ok) throw new Error(`${method} ${path}: ${got.status} ${(await got.text()).slice(0, 300)}`);
    return got.status === 204 ? null : got.json();
  };
}
