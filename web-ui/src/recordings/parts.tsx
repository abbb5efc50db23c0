/** Small parts that the tabs share. */
import type { ComponentChildren } from "preact";
import { useEffect, useState } from "preact/hooks";
import type { Result } from "../api/http";
import { tree } from "../api/store";
import type { RegionCode } from "../domain/ids";
import type { Region } from "../domain/region";
import { regionName } from "../i18n/words";
import { Loading, problemWords } from "../ui/widgets";

export function Stat({
  label,
  value,
  hint,
  warn = false,
}: {
  label: string;
  value: ComponentChildren;
  hint?: string | undefined;
  warn?: boolean;
}) {
  return (
    <div class={warn ? "card stat warn" : "card stat"}>
      <dt>{label}</dt>
      <dd>{value}</dd>
      {hint && <dd class="hint">{hint}</dd>}
    </div>
  );
}

/** What is read once and again, and what is shown meanwhile. */
export function useRead<T>(read: () => Promise<Result<T>>, everyMs: number, keys: readonly unknown[]) {
  const [value, setValue] = useState<T | null>(null);
  const [error, setError] = useState<string | null>(null);
  const [turn, setTurn] = useState(0);
  useEffect(() => {
    let gone = false;
    const ask = async () => {
      const answer = await read();
      if (gone) return;
      setError(answer.ok ? null : problemWords(answer.problem));
      if (answer.ok) setValue(answer.value);
    };
    void ask();
    const timer = setInterval(() => {
      if (!document.hidden) void ask();
    }, everyMs);
    return () => {
      gone = true;
      clearInterval(timer);
    };
  }, [...keys, everyMs, turn]);
  return { value, error, again: () => setTurn((n) => n + 1) };
}

/** An error above, a spinner until there is something. */
export function Read({ error, there }: { error: string | null; there: boolean }) {
  if (error) {
    return (
      <p class="notice bad" role="alert">
        {error}
      </p>
    );
  }
  return there ? null : <Loading />;
}

/** Regions that hold cameras, in the order of the tree, each with its depth. */
export function regionList(): readonly { readonly region: Region; readonly depth: number }[] {
  const { roots, regions, children, counts } = tree.value;
  const list: { region: Region; depth: number }[] = [];
  const walk = (code: RegionCode, depth: number): void => {
    const region = regions.get(code);
    if (!region || !counts.has(code)) return;
    list.push({ region, depth });
    for (const child of children.get(code) ?? []) walk(child, depth + 1);
  };
  for (const root of roots) walk(root, 0);
  return list;
}

export function RegionSelect({
  label,
  any,
  value,
  onPick,
}: {
  label: string;
  any?: string;
  value: string;
  onPick: (code: string) => void;
}) {
  return (
    <select aria-label={label} value={value} onChange={(event) => onPick(event.currentTarget.value)}>
      {any !== undefined && <option value="">{any}</option>}
      {regionList().map(({ region, depth }) => (
        <option key={region.code} value={region.code}>
          {"\u3000".repeat(depth)}
          {regionName(region)}
        </option>
      ))}
    </select>
  );
}
