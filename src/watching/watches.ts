import { extname } from "node:path";
import { Worker } from "node:worker_threads";
import type { AttributeFacts } from "../model/message.ts";
import { type Hit, type PlainTable, type Watch, WatchTable } from "../routing/watch.ts";
import {
  dropOldCopies,
  type ListFile,
  type Loaded,
  type LoadedList,
  type LoadRequest,
  loadLists,
  stampOf,
} from "./load.ts";

/** Reads lists away from the main loop; throws what ended the thread. */
export async function loadAway(request: LoadRequest): Promise<Loaded> {
  // It stands beside this file, as TypeScript or as JavaScript.
  const worker = new Worker(new URL(`./thread${extname(import.meta.url)}`, import.meta.url), { name: "watch-lists" });
  try {
    return await new Promise<Loaded>((resolve, reject) => {
      worker.once("message", resolve);
      worker.once("error", reject);
      worker.once("exit", () => reject(new Error("The thread that reads watch lists ended")));
      worker.postMessage(request);
    });
  } finally {
    await worker.terminate();
  }
}

const EMPTY: PlainTable = {
  ...{ lists: [], patterns: [], lengths: { 4: [], 16: [] } },
  slots: new Uint32Array(16),
  hashes: new Uint32Array(),
  ends: new Uint32Array(),
  owners: new Uint32Array(),
  tags: new Uint32Array(),
  units: new Uint16Array(),
  labelEnds: new Uint32Array(),
  labelUnits: new Uint16Array(),
};

/** The watch lists that are in force, all of them at once: what is read anew takes their place whole, between two messages. */
export class Watches implements Watch {
  #table = new WatchTable(EMPTY);
  #lists: readonly LoadedList[] = [];
  readonly #copies: string | undefined;
  readonly #load: typeof loadLists;

  /**
   * `copies`: the folder where what was accepted last is kept, so that a list that shrank is noticed over a restart.
   * `load`: who reads them; whoever reads frames meanwhile has it done away from the main loop.
   */
  constructor(copies?: string, load = loadLists) {
    this.#copies = copies;
    this.#load = load;
  }

  hits(attribute: AttributeFacts): readonly Hit[] {
    return this.#table.hits(attribute);
  }

  has(list: string): boolean {
    return this.#table.has(list);
  }

  get expressions(): number {
    return this.#table.expressions;
  }

  /** As it goes to another thread, at no cost. */
  get plain(): PlainTable {
    return this.#table.plain;
  }

  /** By list what its entries are called: their labels, or the name of the list. */
  labels(): ReadonlyMap<string, ReadonlySet<string>> {
    return this.#table.labels();
  }

  /** Reads these lists; nothing is in force by that. */
  async read(lists: readonly ListFile[], accept = false): Promise<Loaded> {
    if (lists.length === 0) {
      return { table: EMPTY, lists: [] };
    }
    return await this.#load({ ...this.#request(lists), accept });
  }

  #request(lists: readonly ListFile[]): LoadRequest {
    return { lists, ...(this.#copies !== undefined && { copies: this.#copies }) };
  }

  /** Forgets what was kept of lists that are not in force any more; nobody reads lists meanwhile. */
  async tidy(): Promise<void> {
    if (this.#copies !== undefined) {
      await dropOldCopies(this.#copies, this.#lists);
    }
  }

  /** What was read is in force. */
  use({ table, lists }: Loaded): void {
    this.#table = new WatchTable(table);
    this.#lists = lists;
  }

  /** Reads all lists again if a file has changed; what became of them, or undefined. */
  async refresh(): Promise<readonly LoadedList[] | undefined> {
    const before = this.#lists;
    const stamps = await Promise.all(before.map(({ path }) => stampOf(path)));
    if (before.every(({ stamp }, index) => stamp === stamps[index])) {
      return undefined;
    }
    const loaded = await this.#load({ ...this.#request(before), inForce: this.#table.plain });
    // A reload came in between, which has read them, too.
    if (this.#lists !== before) {
      return undefined;
    }
    if (loaded.lists.some((list) => "failed" in list)) {
      this.#lists = loaded.lists;
    } else {
      this.use(loaded);
    }
    return loaded.lists.filter((list, index) => list.stamp !== before[index]?.stamp);
  }
}
