import { defineConfig } from "vitest/config";

// `SIGHTLINE_URL=http://127.0.0.1:8080 npm run dev` serves the page with a running gateway behind it.
const gateway = process.env.SIGHTLINE_URL ?? "http://127.0.0.1:8080";

/** What the field's page needs to open without a network: its part of the bundle, for the service worker (`public/sw.js`). */
const FIELD = /\/(main|responder-page|field-map)\.tsx$|index\.html$/;
interface Chunk {
  readonly type: string;
  readonly fileName: string;
  readonly facadeModuleId?: string | null;
  readonly imports?: readonly string[];
  readonly viteMetadata?: { readonly importedCss: ReadonlySet<string> };
}
const fieldFiles = {
  name: "field-files",
  generateBundle(
    this: { emitFile: (file: { type: "asset"; fileName: string; source: string }) => void },
    _: unknown,
    bundle: Record<string, Chunk>,
  ): void {
    const files = new Set<string>();
    const add = (name: string): void => {
      if (files.has(name)) return;
      files.add(name);
      for (const css of bundle[name]?.viteMetadata?.importedCss ?? []) files.add(css);
      for (const other of bundle[name]?.imports ?? []) add(other);
    };
    for (const chunk of Object.values(bundle)) {
      if (chunk.type === "chunk" && FIELD.test(chunk.facadeModuleId ?? "")) add(chunk.fileName);
    }
    this.emitFile({ type: "asset", fileName: "assets.json", source: JSON.stringify({ files: [...files].sort() }) });
  },
};

export default defineConfig({
  plugins: [fieldFiles as never],
  oxc: { jsx: { runtime: "automatic", importSource: "preact" } },
  build: {
    target: "chrome100",
    assetsDir: "assets",
    // Inlined data: URIs would need a wider content security policy.
    assetsInlineLimit: 0,
    modulePreload: { polyfill: false },
    reportCompressedSize: true,
  },
  server: { proxy: { "/api": { target: gateway, ws: true, secure: false } } },
  // A machine may be small and busy: a test that hangs is found by this, one that is slow is not.
  test: { environment: "happy-dom", include: ["src/**/*.test.ts", "src/**/*.test.tsx"], testTimeout: 180_000 },
});
