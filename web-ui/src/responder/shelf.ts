/** What the phone keeps: the outbox, and the last that was known of tasks and incidents. IndexedDB, one database. */
import type { Incident, ListedTask } from "../domain/command";
import type { Draft } from "./outbox-core";

const NAME = "sightline-field";
const VERSION = 1;

export interface Known {
  readonly tasks: readonly ListedTask[];
  readonly incidents: readonly Incident[];
  /** When it was read, ms of this phone's clock. */
  readonly at: number;
  /** By how much the gateway's clock was ahead of it, ms. */
  readonly offset: number;
}

let opened: Promise<IDBDatabase> | null = null;

function open(): Promise<IDBDatabase> {
  opened ??= new Promise((done, failed) => {
    const asked = indexedDB.open(NAME, VERSION);
    asked.onupgradeneeded = () => {
      asked.result
        .createObjectStore("outbox", { keyPath: "order", autoIncrement: true })
        .createIndex("key", "draft.key", {
          unique: true,
        });
      asked.result.createObjectStore("known");
    };
    asked.onsuccess = () => done(asked.result);
    asked.onerror = () => failed(asked.error ?? new Error("no database"));
  });
  return opened;
}

/** Runs within one transaction and is done when that is on the disk. */
async function within<T>(
  store: "outbox" | "known",
  mode: IDBTransactionMode,
  work: (store: IDBObjectStore) => IDBRequest<T>,
) {
  const database = await open();
  return new Promise<T>((done, failed) => {
    const transaction = database.transaction(store, mode, mode === "readwrite" ? { durability: "strict" } : {});
    const request = work(transaction.objectStore(store));
    transaction.oncomplete = () => done(request.result);
    transaction.onerror = () => failed(transaction.error ?? new Error("the database failed"));
    transaction.onabort = () => failed(transaction.error ?? new Error("the database has no room"));
  });
}

interface Row {
  readonly order?: number;
  readonly draft: Draft;
}

/** In the order of writing. */
export async function drafts(): Promise<Draft[]> {
  const rows = await within<Row[]>("outbox", "readonly", (store) => store.getAll());
  return rows.map((row) => row.draft);
}

export async function add(draft: Draft): Promise<void> {
  await within("outbox", "readwrite", (store) => store.add({ draft } satisfies Row));
}

/** Replaces one; nothing where it is gone. */
export async function change(draft: Draft): Promise<void> {
  const database = await open();
  await new Promise<void>((done, failed) => {
    const transaction = database.transaction("outbox", "readwrite", { durability: "strict" });
    const store = transaction.objectStore("outbox");
    const found = store.index("key").get(draft.key) as IDBRequest<Row | undefined>;
    found.onsuccess = () => {
      if (found.result) store.put({ ...found.result, draft });
    };
    transaction.oncomplete = () => done();
    transaction.onerror = () => failed(transaction.error);
  });
}

export async function remove(key: string): Promise<void> {
  const database = await open();
  await new Promise<void>((done, failed) => {
    const transaction = database.transaction("outbox", "readwrite", { durability: "strict" });
    const store = transaction.objectStore("outbox");
    const found = store.index("key").getKey(key);
    found.onsuccess = () => {
      if (found.result !== undefined) store.delete(found.result);
    };
    transaction.oncomplete = () => done();
    transaction.onerror = () => failed(transaction.error);
  });
}

export const keep = (user: string, known: Known) => within("known", "readwrite", (store) => store.put(known, user));
export const recall = (user: string) => within<Known | undefined>("known", "readonly", (store) => store.get(user));
