/** A page that is fetched when it is first shown. */
import type { ComponentType } from "preact";
import { useEffect, useState } from "preact/hooks";
import { t } from "../i18n/t";
import { Button, Empty, Loading, toast } from "./widgets";

export function lazyPage(load: () => Promise<{ default: ComponentType }>): ComponentType {
  let Ready: ComponentType | null = null;
  return function Lazy() {
    const [, again] = useState(0);
    const [error, setError] = useState<string | null>(null);
    useEffect(() => {
      if (Ready || error) return;
      let gone = false;
      load().then(
        (module) => {
          Ready = module.default;
          if (!gone) again((n) => n + 1);
        },
        (reason: unknown) => !gone && setError(String(reason)),
      );
      return () => {
        gone = true;
      };
    }, [error]);
    if (Ready) return <Ready />;
    if (!error) return <Loading />;
    return (
      <div class="page">
        <Empty icon="info" title={t("app.failed", { detail: error })} />
        <Button label={t("app.retry")} onClick={() => setError(null)} />
      </div>
    );
  };
}

/** A part of a page that is fetched when it is first wanted; until then there is nothing. */
export function lazyPart<Props extends object>(
  load: () => Promise<{ default: ComponentType<Props> }>,
): ComponentType<Props> {
  let Ready: ComponentType<Props> | null = null;
  return function LazyPart(props: Props) {
    const [, again] = useState(0);
    useEffect(() => {
      if (Ready) return;
      let gone = false;
      load().then(
        (module) => {
          Ready = module.default;
          if (!gone) again((n) => n + 1);
        },
        (reason: unknown) => {
          if (!gone) toast(t("app.failed", { detail: String(reason) }), true);
        },
      );
      return () => {
        gone = true;
      };
    }, []);
    return Ready ? <Ready {...props} /> : null;
  };
}
