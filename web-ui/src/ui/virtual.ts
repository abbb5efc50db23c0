/** A list of rows of which only those in view are in the page; their heights are measured as they come. */
import {
  elementScroll,
  measureElement,
  observeElementOffset,
  observeElementRect,
  Virtualizer,
} from "@tanstack/virtual-core";
import { useEffect, useRef, useState } from "preact/hooks";

export function useVirtualRows(
  scroller: { readonly current: HTMLElement | null },
  count: number,
  estimate: number,
  keyOf: (index: number) => string | number,
) {
  const [, draw] = useState(0);
  const holder = useRef<Virtualizer<HTMLElement, Element> | null>(null);
  const options = {
    count,
    getScrollElement: () => scroller.current,
    estimateSize: () => estimate,
    getItemKey: keyOf,
    overscan: 6,
    scrollToFn: elementScroll,
    observeElementRect,
    observeElementOffset,
    measureElement,
    onChange: () => draw((n) => n + 1),
  };
  holder.current ??= new Virtualizer<HTMLElement, Element>(options);
  const virtual = holder.current;
  virtual.setOptions(options);
  useEffect(() => virtual._didMount(), []);
  useEffect(() => virtual._willUpdate());
  return {
    list: virtual.getVirtualItems(),
    total: virtual.getTotalSize(),
    /** For the `ref` of a row, which names its index in `data-index`. */
    measure: (element: Element | null) => virtual.measureElement(element),
    scrollTo: (index: number) => virtual.scrollToIndex(index, { align: "start" }),
  };
}
