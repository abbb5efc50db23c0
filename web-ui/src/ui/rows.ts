/** The virtual list of one scroller: only the rows that are seen are in the page. */
import { elementScroll, observeElementOffset, observeElementRect, Virtualizer } from "@tanstack/virtual-core";
import { useEffect, useRef, useState } from "preact/hooks";

/** Rows are `rem` high. */
export function useVirtual(scroller: { current: HTMLDivElement | null }, count: number, rem = 2) {
  const [, draw] = useState(0);
  const holder = useRef<Virtualizer<HTMLDivElement, Element> | null>(null);
  const size = rem * Number.parseFloat(getComputedStyle(document.documentElement).fontSize);
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => size,
    overscan: 8,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    onChange: () => draw((n) => n + 1),
  };
  holder.current ??= new Virtualizer<HTMLDivElement, Element>(options);
  const virtual = holder.current;
  virtual.setOptions(options);
  useEffect(() => virtual._didMount(), []);
  useEffect(() => virtual._willUpdate());
  return {
    list: virtual.getVirtualItems(),
    total: virtual.getTotalSize(),
    scrollTo: (index: number) => virtual.scrollToIndex(index, { align: "auto" }),
  };
}
