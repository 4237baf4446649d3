import { openMemoryStore } from "../../src/store/memory/store.ts";
import { describeStore } from "../support/store-contract.ts";

describeStore("memory store", async () => ({ store: openMemoryStore() }));
