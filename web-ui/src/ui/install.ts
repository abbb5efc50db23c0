/** The service worker: keeps the field's page on the device. On a plain-HTTP origin other than this machine there is none. */
export function install(): void {
  if (!("serviceWorker" in navigator) || import.meta.env.DEV) return;
  const register = async () => {
    try {
      const registration = await navigator.serviceWorker.register("/sw.js");
      // A new version of the page names other files: the worker looks after every start that reached the gateway.
      (await navigator.serviceWorker.ready).active?.postMessage("refresh");
      void registration;
    } catch (error) {
      console.warn(`service worker: ${String(error)}`);
    }
  };
  if (document.readyState === "complete") void register();
  else addEventListener("load", () => void register(), { once: true });
}
