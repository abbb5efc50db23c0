import { defineConfig } from "vitest/config";

// `SIGHTLINE_URL=http://127.0.0.1:8080 npm run dev` serves the page with a running gateway behind it.
const gateway = process.env.SIGHTLINE_URL ?? "http://127.0.0.1:8080";

export default defineConfig({
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
