import { systemClock } from "../../../deploy/processes/system-clock.ts";
import { MemoryControlStore } from "../../../engine/control-store/memory-control-store.ts";
import { type ControlStoreFixture, describeControlStore } from "../../conformance/control-store.ts";
import { describeReconcileRecords } from "../../conformance/reconcile-records.ts";
import { describeLeases } from "../../conformance/leases.ts";

function open(): Promise<ControlStoreFixture> {
  const store = new MemoryControlStore(systemClock);
  return Promise.resolve({ store, another: () => Promise.resolve(store) });
}

describeControlStore("memory control store", open);
describeReconcileRecords("memory control store", open);
describeLeases("memory control store", async () => (await open()).store.leases);
