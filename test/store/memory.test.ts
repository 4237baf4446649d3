import { openMemoryStore } from "../../src/store/memory.ts";
import { describeStore } from "../support/store-contract.ts";

describeStore("memory store", async () => ({ store: openMemoryStore() }));
