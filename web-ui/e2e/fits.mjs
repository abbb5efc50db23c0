// Whether what stands on a page fits it: nothing out of the screen, nothing cut, nothing upon something else, nothing too small to
// read. Runs in the page; knows no page by name.

/** Runs in the page. `width`, `height`: of the screen; `least`: the smallest letters, CSS px. What is wrong, in words. */
export function misfits({ width, height, least }) {
  const faults = new Map();
  const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
  const root = dialog ?? document.body;
  const styles = new Map();
  const boxes = new Map();
  const styleOf = (one) => styles.get(one) ?? styles.set(one, getComputedStyle(one)).get(one);
  const boxOf = (one) => boxes.get(one) ?? boxes.set(one, one.getBoundingClientRect()).get(one);
  const nameOf = (one) => {
    const self = (of) => `${of.localName}${[...of.classList].map((word) => `.${word}`).join("")}`;
    const words = (one.innerText || one.ariaLabel || one.value || "").trim().replace(/\s+/g, " ").slice(0, 40);
    return `${one.parentElement ? `${self(one.parentElement)} > ` : ""}${self(one)} “${words}”`;
  };
  const fault = (kind, one, more = "") => {
    const key = `${kind}: ${nameOf(one)}`;
    if (!faults.has(key)) faults.set(key, `${key}${more ? ` ${more}` : ""}`);
  };
  const shown = (one) => one.checkVisibility({ opacityProperty: true, visibilityProperty: true });
  /** Only for ears: a box of one pixel, or cut to nothing. */
  const unseen = (one) => {
    for (let at = one; at && at !== root; at = at.parentElement) {
      const { width: w, height: h } = boxOf(at);
      if (styleOf(at).clipPath.startsWith("inset(50%") || (w <= 1 && h <= 1)) return true;
    }
    return false;
  };
  const roundPx = (n) => Math.round(n);
  const pageScrolls = [document.documentElement, document.body].every((one) => styleOf(one).overflowY !== "hidden");

  /**
   * The part of a box that is on the screen, by what scrolls around it; `null` where it is scrolled away. What is cut off by
   * something that does not scroll is a fault, but for words that end in an ellipsis.
   */
  const visible = (one, rect, what) => {
    let { left, right, top, bottom } = rect;
    /** Of what is positioned, only what it is positioned by cuts it. */
    let by = "static";
    let ellipsis = false;
    for (let at = one; at && at !== document.body; at = at.parentElement) {
      const style = styleOf(at);
      const skipped =
        at !== one &&
        ((by === "fixed" && style.transform === "none" && style.containerType === "normal") ||
          (by === "absolute" && style.position === "static" && style.transform === "none"));
      if (!skipped) {
        if (at !== one || what === "text") {
          if (style.textOverflow === "ellipsis" || style.webkitLineClamp !== "none") ellipsis = true;
          const box = boxOf(at);
          const scrolls = (overflow) => overflow === "auto" || overflow === "scroll";
          if (style.overflowX !== "visible") {
            if (!scrolls(style.overflowX) && !ellipsis && (right > box.right + 1.5 || left < box.left - 1.5)) {
              if (right > box.left && left < box.right) fault(`${what} is cut at the side`, one, `by ${nameOf(at)}`);
            }
            left = Math.max(left, box.left);
            right = Math.min(right, box.right);
          }
          if (style.overflowY !== "visible") {
            const slack = Math.max(3, (bottom - top) * 0.3);
            if (!scrolls(style.overflowY) && !ellipsis && (bottom > box.bottom + slack || top < box.top - slack)) {
              if (bottom > box.top && top < box.bottom) fault(`${what} is cut below or above`, one, `by ${nameOf(at)}`);
            }
            top = Math.max(top, box.top);
            bottom = Math.min(bottom, box.bottom);
          }
          if (right - left < 1 || bottom - top < 1) return null;
        }
        if (style.position !== "static")
          by = style.position === "fixed" ? "fixed" : style.position === "absolute" ? "absolute" : "static";
        if (style.position === "fixed" || at === dialog) break;
      }
    }
    if (left < -1.5 || right > width + 1.5)
      fault(`${what} is beside the screen`, one, `${roundPx(left)} to ${roundPx(right)}`);
    if (!pageScrolls && (top < -1.5 || bottom > height + 1.5))
      fault(`${what} is above or below the screen`, one, `${roundPx(top)} to ${roundPx(bottom)}`);
    return { left, right, top, bottom };
  };

  if (document.documentElement.scrollWidth > width + 1) {
    fault("wider than the screen", document.documentElement, `${document.documentElement.scrollWidth}`);
  }

  /** What lies above the rest by its position, with a ground of its own: menus, notices, heads that stay. It may cover. */
  const layerOf = (one) => {
    for (let at = one; at && at !== root; at = at.parentElement) {
      const { position, backgroundColor } = styleOf(at);
      if (position === "static" || position === "relative") continue;
      const alpha = /rgba?\([^)]*[,/]\s*([\d.]+)%?\s*\)$/.exec(backgroundColor);
      if (
        backgroundColor !== "rgba(0, 0, 0, 0)" &&
        (!/^rgba|\//.test(backgroundColor) || Number(alpha?.[1] ?? 1) > 0.4)
      )
        return at;
    }
    return null;
  };
  const lies = [];
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  const range = document.createRange();
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const one = node.parentElement;
    if (
      !one ||
      node.data.trim() === "" ||
      /^(script|style|option|optgroup|noscript|title|textarea)$/.test(one.localName)
    )
      continue;
    if (!shown(one) || unseen(one) || one.closest(".skip")) continue;
    range.selectNodeContents(node);
    let seen = false;
    for (const rect of range.getClientRects()) {
      if (rect.width < 1 || rect.height < 1) continue;
      const part = visible(one, rect, "text");
      if (!part) continue;
      seen = true;
      lies.push({ one, ...part, text: true });
    }
    if (seen && Number.parseFloat(styleOf(one).fontSize) < least - 0.05)
      fault("letters too small", one, styleOf(one).fontSize);
  }
  for (const one of root.querySelectorAll(
    "button, a[href], input, select, textarea, summary, [role=radio], [role=tab]",
  )) {
    if (!shown(one) || unseen(one) || one.closest(".skip")) continue;
    const style = styleOf(one);
    const part = visible(one, boxOf(one), "control");
    if (!part) continue;
    const spills = one.scrollWidth > one.clientWidth + 2 && style.overflowX === "visible" && style.display !== "inline";
    if (spills && one.innerText?.trim() && /^(button|a|summary)$/.test(one.localName))
      fault("words spill out of it", one, `${one.scrollWidth} in ${one.clientWidth}`);
    lies.push({ one, ...part, text: false });
  }
  lies.sort((a, b) => a.top - b.top);
  for (let i = 0; i < lies.length; i++) {
    const a = lies[i];
    for (let j = i + 1; j < lies.length; j++) {
      const b = lies[j];
      if (b.top >= a.bottom) break;
      if (a.one === b.one || a.one.contains(b.one) || b.one.contains(a.one)) continue;
      const w = Math.min(a.right, b.right) - Math.max(a.left, b.left);
      const h = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
      // Letters' boxes are taller than the letters.
      const least = a.text && b.text ? 0.35 * Math.min(a.bottom - a.top, b.bottom - b.top) : 3;
      if (w < 3 || h < least) continue;
      // A label around its control, or words of a picture's own layer over its button.
      if (a.one.closest("label")?.contains(b.one) || b.one.closest("label")?.contains(a.one)) continue;
      if (layerOf(a.one) !== layerOf(b.one)) continue;
      fault("upon each other", a.one, `and ${nameOf(b.one)}`);
    }
  }
  return [...faults.values()];
}

/** Runs in the page: what it says, by text and by label. */
export function words() {
  const dialog = [...document.querySelectorAll("dialog[open]")].at(-1);
  const root = dialog ?? document.body;
  const found = new Set();
  const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const one = node.parentElement;
    if (!one || /^(script|style|noscript|code|kbd)$/.test(one.localName)) continue;
    if (one.localName === "option" || one.checkVisibility()) found.add(node.data.replace(/\s+/g, " ").trim());
  }
  for (const one of root.querySelectorAll("[aria-label], [title], [placeholder], [alt], [aria-valuetext]")) {
    if (!one.checkVisibility()) continue;
    for (const name of ["aria-label", "title", "placeholder", "alt", "aria-valuetext"]) {
      found.add((one.getAttribute(name) ?? "").replace(/\s+/g, " ").trim());
    }
  }
  found.delete("");
  return [...found];
}
