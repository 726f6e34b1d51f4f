// Keeps the process small. Left alone V8 lets garbage grow to several times what is alive before it collects, and the
// bytes of rows lie outside its heap, where it hardly counts them.
import { getHeapSpaceStatistics, getHeapStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

/** Garbage that may lie about, bytes: as much among what is new as among what is older. */
const garbageBytesMax = 16 * 1024 * 1024;
/** Room for new objects, bytes. V8 would double it once more, and keeps what it has once taken; that collects no faster. */
const youngSpaceBytes = 16 * 1024 * 1024;
const lookMs = 10;

/** Collects whenever that much has been made since the last collection. Returns what ends it. */
export function keepMemoryLow(): () => void {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as (options?: { type: "minor" | "major" }) => void;
  let alive = usedBytes();
  // What was in use after the last collection of whatever kind. Another one sooner would find little, and would take for old what
  // is only under way.
  let kept = alive;
  let mayGrow = true;
  const timer = setInterval(() => {
    if (mayGrow && youngSpaceSize() >= youngSpaceBytes) {
      setFlagsFromString("--semi-space-growth-factor=1");
      mayGrow = false;
    }
    const used = usedBytes();
    kept = Math.min(kept, used);
    if (used - kept < garbageBytesMax) return;
    // Most of it is young, and to look only there costs a fraction.
    collect({ type: "minor" });
    kept = usedBytes();
    if (kept - alive < garbageBytesMax) return;
    collect();
    alive = usedBytes();
    kept = alive;
  }, lookMs);
  timer.unref();
  return () => {
    clearInterval(timer);
  };
}

function youngSpaceSize(): number {
  return getHeapSpaceStatistics().find((space) => space.space_name === "new_space")?.space_size ?? 0;
}

function usedBytes(): number {
  // process.memoryUsage() would read the resident size from the system each time.
  const { used_heap_size: heap, external_memory: external } = getHeapStatistics();
  return heap + external;
}
