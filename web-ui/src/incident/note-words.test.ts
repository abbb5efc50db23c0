import { expect, test } from "vitest";
import type { LogEntry } from "../domain/command";
import { noteWords } from "./note-words";

const said = (action: LogEntry["action"], note: string) =>
  noteWords(
    { action, note },
    (code) => (code.endsWith("1") ? "码头" : undefined),
    (ms) => new Date(ms).toISOString().slice(11, 16),
  );

test("cameras are told by their names, one that is gone by its code", () => {
  const note = "+ 44140300001326000001, − 44140300001326000002";
  expect(said("cameras", note)).toBe("+ 码头, − 44140300001326000002");
});
test("until when a guest may look is told by the clock of the page", () => {
  expect(said("guest", "+ 消防支队 (→ 2026-12-01T02:55Z)")).toBe("+ 消防支队 (→ 02:55)");
});
test("what people wrote stays as they wrote it", () => {
  const note = "见 44140300001326000001，2026-12-01T02:55Z";
  expect(said("note", note)).toBe(note);
});
