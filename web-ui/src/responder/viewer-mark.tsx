import { useEffect, useState } from "preact/hooks";
import { serverNow, user } from "../api/store";
import { clock } from "../i18n/words";

/** Who looks at this picture, over the picture: so that one that gets out says from where. */
export function ViewerMark() {
  const [now, setNow] = useState(serverNow());
  useEffect(() => {
    const timer = setInterval(() => setNow(serverNow()), 1000);
    return () => clearInterval(timer);
  }, []);
  return (
    <span class="viewer-mark" aria-hidden="true">
      {user.value?.name || user.value?.user} {clock(now)}
    </span>
  );
}
