/** The links as a tree, flattened for a list; and their figures as shares of a bar. */
import type { Link } from "../domain/link";

export interface Row {
  readonly link: Link;
  readonly depth: number;
  readonly children: number;
  readonly open: boolean;
}

/** Whether anything is or was on it. */
export const inUse = (link: Link): boolean =>
  link.pulls.length > 0 || link.refused > 0 || link.gave_way > 0 || link.measured_bps > 0;

/** Rows that are visible: parents before children, by code. With `only`, those that fit and what leads to them, all open. */
export function rows(links: readonly Link[], open: ReadonlySet<string>, only?: (link: Link) => boolean): Row[] {
  const byId = new Map(links.map((link) => [link.id, link]));
  const children = new Map<string, Link[]>();
  const roots: Link[] = [];
  for (const link of [...links].sort((a, b) => a.id.localeCompare(b.id))) {
    if (link.up !== null && byId.has(link.up)) {
      const list = children.get(link.up);
      if (list) list.push(link);
      else children.set(link.up, [link]);
    } else roots.push(link);
  }
  const out: Row[] = [];
  const seen = new Set<string>();
  const walk = (link: Link, depth: number): boolean => {
    if (seen.has(link.id)) return false;
    seen.add(link.id);
    const below = children.get(link.id) ?? [];
    const at = out.length;
    const isOpen = only !== undefined || open.has(link.id);
    out.push({ link, depth, children: below.length, open: isOpen });
    let found = only === undefined || only(link);
    if (isOpen) {
      for (const child of below) found = walk(child, depth + 1) || found;
    }
    if (!found) out.length = at;
    return found;
  };
  for (const root of roots) walk(root, 0);
  return out;
}

/** Shares of the bar, 0 to 1: the whole is the budget, or what is used where that is more. */
export function bar(link: Pick<Link, "budget_bps" | "reserved_bps" | "measured_bps">): {
  used: number;
  reserved: number;
  limit: number;
} {
  const whole = Math.max(link.budget_bps, link.measured_bps, link.reserved_bps, 1);
  return { used: link.measured_bps / whole, reserved: link.reserved_bps / whole, limit: link.budget_bps / whole };
}

/** How a link is: nothing may pass, more passes than should, nearly full, well. */
export function stateOf(link: Link): "closed" | "over" | "full" | "well" {
  if (link.budget_bps === 0) return "closed";
  if (link.measured_bps > link.budget_bps) return "over";
  return link.reserved_bps >= 0.9 * link.budget_bps ? "full" : "well";
}

/** Minutes after midnight as an input's time; a day's end is 23:59 there, and 1440 here. */
export const timeOf = (minutes: number): string =>
  minutes >= 1440
    ? "23:59"
    : `${String(Math.floor(minutes / 60)).padStart(2, "0")}:${String(minutes % 60).padStart(2, "0")}`;
export function minutesOf(time: string, isEnd = false): number {
  const [hour, minute] = time.split(":").map(Number);
  const minutes = (hour ?? 0) * 60 + (minute ?? 0);
  return isEnd && minutes === 1439 ? 1440 : minutes;
}
