import { openMemoryStore } from "../../src/store/memory/store.ts";
import { describeStore } from "../support/store-contract.ts";

describeStore("memory store", async (clock) => ({ store: openMemoryStore({ ...(clock && { clock }) }) }));
