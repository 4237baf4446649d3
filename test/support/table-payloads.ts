import type { Payload } from "../../src/model/payload.ts";
import { INSIDER, stage } from "./stage.ts";
import type { Row } from "./table.ts";

/** How much the readers may see, or want to. */
export const FORMS: Readonly<Record<string, { readonly guard: object; readonly route?: object }>> = {
  full: { guard: INSIDER },
  metadata: { guard: { ...INSIDER, max_tlp: "clear", metadata_up_to: "red" } },
  pointer: { guard: { ...INSIDER, max_tlp: "clear", pointer_up_to: "red" } },
  "show-0": { guard: INSIDER, route: { group: { by: [], wait: "1s", show: 0 } } },
};

/** What readers of that form get of each row; no payload: nothing leaves. */
export function payloadsOf(
  form: string,
  rows: readonly Row[],
): Promise<{ readonly row: Row; readonly name: string; readonly payload: Payload | undefined }[]> {
  const { guard = {}, route } = FORMS[form] ?? {};
  return Promise.all(
    rows.map(async (row) => {
      const staged = row.stage();
      const payload = await stage({ ...staged, guard, ...(route && { route: { ...staged.route, ...route } }) });
      return { row, name: row.change === "" ? row.kind : `${row.kind}, ${row.change}`, payload };
    }),
  );
}
