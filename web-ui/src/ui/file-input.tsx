/** A file to be chosen, in the words of this page: the browser's own control speaks the browser's language. */
import { useState } from "preact/hooks";
import { t } from "../i18n/t";
import { Icon } from "./icon";

export function FileInput(props: { accept: string; name?: string; onPick: (file: File | null) => void }) {
  const [chosen, setChosen] = useState("");
  return (
    <span class="file-input">
      <input
        type="file"
        name={props.name}
        accept={props.accept}
        onChange={(event) => {
          const file = event.currentTarget.files?.[0] ?? null;
          setChosen(file?.name ?? "");
          props.onPick(file);
        }}
      />
      <span class="button" aria-hidden="true">
        <Icon name="upload" size={1.125} />
        {t("app.chooseFile")}
      </span>
      <span class={chosen ? "clip" : "clip dim"}>{chosen || t("app.noFile")}</span>
    </span>
  );
}
