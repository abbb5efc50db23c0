/** Where the page is: a signal over the address. */
import { signal } from "@preact/signals";

export interface Location {
  readonly path: string;
  readonly search: URLSearchParams;
}
const read = (): Location => ({ path: location.pathname, search: new URLSearchParams(location.search) });

export const where = signal<Location>(read());
addEventListener("popstate", () => {
  where.value = read();
});

export function navigate(to: string, how: "push" | "replace" = "push"): void {
  if (to === location.pathname + location.search) return;
  if (how === "push") history.pushState(null, "", to);
  else history.replaceState(null, "", to);
  where.value = read();
}

/** Follows links inside the page without loading it anew; others, and those with a modifier, are the browser's. */
export function followLinks(event: MouseEvent): void {
  if (event.defaultPrevented || event.button !== 0 || event.metaKey || event.ctrlKey || event.shiftKey) return;
  const link = (event.target as Element | null)?.closest?.("a[href]");
  if (!(link instanceof HTMLAnchorElement) || link.origin !== location.origin || link.hasAttribute("download")) return;
  if (link.pathname.startsWith("/api/") || link.hash) return;
  event.preventDefault();
  navigate(link.pathname + link.search);
}
