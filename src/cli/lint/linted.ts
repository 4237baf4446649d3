import type { Config } from "../../config/schema.ts";
import type { Node, ReportFault } from "../../config/tree.ts";

/** What `check` looks at: a configuration as it stands in its file, and as it is understood. */
export interface Linted {
  readonly root: Node;
  readonly config: Config;
  readonly report: ReportFault;
}
