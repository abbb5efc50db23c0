/** Finding a camera by its name, the pinyin initials of its name, or its code. */
export interface Searchable {
  readonly name: string;
  readonly code: string;
  readonly region_name?: string | null;
}
/** Initials of a Chinese text in lower case, one a character: 丙村镇 -> `bcz`. */
export type Initials = (text: string) => string;

export function matcher(query: string, initials: Initials | null): (item: Searchable) => boolean {
  const words = query.trim().toLowerCase().split(/\s+/).filter(Boolean);
  return (item) =>
    words.every((word) => {
      if (item.name.toLowerCase().includes(word) || item.code.includes(word)) return true;
      if (item.region_name?.toLowerCase().includes(word)) return true;
      return initials !== null && /^[a-z0-9]+$/.test(word) && initials(item.name).includes(word);
    });
}
