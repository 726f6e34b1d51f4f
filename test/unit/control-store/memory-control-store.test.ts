import { systemClock } from "../../../deploy/processes/system-clock.ts";
import { MemoryControlStore } from "../../../engine/control-store/memory-control-store.ts";
import { describeControlStore } from "../../conformance/control-store.ts";

describeControlStore("memory control store", () => {
  const store = new MemoryControlStore(systemClock);
  return Promise.resolve({ store, another: () => Promise.resolve(store) });
});
