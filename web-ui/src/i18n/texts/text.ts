/** Chinese and English side by side, so that neither can be forgotten. */
export type Texts = Record<string, readonly [zh: string, en: string]>;
