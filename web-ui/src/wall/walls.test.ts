import { beforeEach, describe, expect, it, vi } from "vitest";
import { wallApi } from "../api/walls";
import { cameraCode, type RegionCode } from "../domain/ids";
import type { User } from "../domain/user";
import { type Face, faceOf, putCamera, type Screen, type SharedWall } from "./shared";
import { direct, directs, forgetWalls, takeWall, walls } from "./walls";
import { displayOf } from "./windows";

const camera = (n: number) => cameraCode(`4414030000132000${String(n).padStart(4, "0")}`);
const screen = (revision: number, more: Partial<Screen> = {}): Screen => ({
  ...faceOf(undefined),
  tour: null,
  screen: 1,
  revision,
  by: "chen",
  at: "2026-11-23T12:00:00Z",
  ...more,
});
const wall = (revision: number, screens: readonly Screen[] = [screen(revision)]): SharedWall => ({
  id: "hall",
  name: "大厅",
  region: "441403" as RegionCode,
  note: "",
  seat: null,
  revision,
  screens,
  changes: [],
});
const who = (role: User["role"], region: string): User => ({
  user: "li",
  name: "李",
  role,
  region: region as RegionCode,
});

beforeEach(() => {
  forgetWalls();
  vi.restoreAllMocks();
});

describe("shared walls on a page", () => {
  it("are as new as the newest word of them, whichever way it came", () => {
    takeWall(wall(4));
    takeWall(wall(3));
    expect(walls.value.get("hall")?.revision).toBe(4);
    takeWall({ id: "hall", removed: true });
    expect(walls.value.size).toBe(0);
  });
  it("are directed by who handles incidents there", () => {
    expect(directs(who("operator", "441403"), wall(1))).toBe(true);
    expect(directs(who("operator", "441403102"), wall(1))).toBe(false);
    expect(directs(who("responder", "441403"), wall(1))).toBe(false);
    const seat = { ...wall(1), region: "441403" as RegionCode, seat: "chen" };
    expect(directs(who("operator", "441403102"), seat)).toBe(true);
    expect(directs(who("responder", "441403"), { ...seat, seat: "li" })).toBe(true);
    expect(directs(null, wall(1))).toBe(false);
  });
  it("take a key back that is still on its way, and send nothing where there is nothing to change", async () => {
    takeWall(wall(1));
    const sent: (number | null)[] = [];
    vi.spyOn(wallApi, "setScreen").mockImplementation(async (_wall, _screen, revision, face) => {
      sent.push(face.focus);
      const made = screen(revision + 1, { focus: face.focus });
      return { ok: true, value: wall(revision + 1, [made]) };
    });
    // Enter and Escape, quicker than the gateway answers; then Escape once more.
    const small = (face: Face): Face => (face.focus === null ? face : { ...face, focus: null });
    const done = [
      direct("hall", 1, (face) => ({ ...face, focus: 0 })),
      direct("hall", 1, small),
      direct("hall", 1, small),
    ];
    expect(await Promise.all(done)).toEqual([null, null, null]);
    expect(sent).toEqual([0, null]);
    expect(walls.value.get("hall")?.screens[0]?.focus).toBeNull();
  });
  it("take two quick changes one after the other, the second from what the first made", async () => {
    takeWall(wall(1));
    let revision = 1;
    const sent = vi.spyOn(wallApi, "setScreen").mockImplementation(async (_, n, seen, face) => {
      expect(seen).toBe(revision);
      revision += 1;
      return { ok: true, value: wall(revision, [{ ...screen(revision), cells: face.cells, screen: n }]) };
    });
    const both = [1, 2].map((n) => direct("hall", 1, (face) => putCamera(face, camera(n), n - 1)));
    expect(await Promise.all(both)).toEqual([null, null]);
    expect(sent).toHaveBeenCalledTimes(2);
    expect(walls.value.get("hall")?.screens[0]?.cells).toHaveLength(2);
  });
  it("show what another director made of it where that one was first", async () => {
    takeWall(wall(1));
    const problem = { status: 409, code: "stale", title: "", detail: "", retryAfter: null, more: { by: "chen" } };
    vi.spyOn(wallApi, "setScreen").mockResolvedValue({ ok: false, problem });
    vi.spyOn(wallApi, "one").mockResolvedValue({ ok: true, value: wall(7) });
    expect(await direct("hall", 1, (face) => ({ ...face, layout: 9 }))).toBe(problem);
    expect(walls.value.get("hall")?.revision).toBe(7);
  });
  it("open their screens on the displays beside the one that is worked at", () => {
    const [main, left, right] = [
      { isPrimary: true, n: 0 },
      { isPrimary: false, n: 1 },
      { isPrimary: false, n: 2 },
    ];
    expect([0, 1, 2].map((n) => displayOf([main, left, right], n)?.n)).toEqual([1, 2, 1]);
    expect(displayOf([main], 3)).toBeUndefined();
  });
});
