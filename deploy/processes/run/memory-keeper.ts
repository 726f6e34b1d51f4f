// Keeps the process small. Left alone V8 lets garbage grow to several times what is alive before it collects, and the
// bytes of rows lie outside its heap, where it hardly counts them.
import { getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Garbage that may lie about, bytes. */
const garbageBytesMax = 16 * 1024 * 1024;
const lookMs = 10;

/** Collects whenever that much has been made since the last collection. Returns what ends it. */
export function keepMemoryLow(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options?: { type: "minor" | "major" }) => void;
  let alive = usedBytes();
  const timer = setInterval(() => {
    if (usedBytes() - alive < garbageBytesMax) return;
    // Most of it is young, and to look only there costs a fraction.
    collect({ type: "minor" });
    if (usedBytes() - alive < garbageBytesMax) return;
    collect();
    alive = usedBytes();
  }, lookMs);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

function usedBytes(): number {
  // process.memoryUsage() would read the resident size from the system each time.
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
