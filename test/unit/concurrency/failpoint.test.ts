import type * as FailpointModule from "../../../engine/concurrency/failpoint.ts";
import { afterEach, describe, expect, test, vi } from "vitest";

/** The module as a process with this environment would load it. */
async function armedWith(text: string | undefined): Promise<typeof FailpointModule> {
  vi.resetModules();
  if (text === undefined) vi.stubEnv("DONGBO_FAILPOINT", undefined);
  else vi.stubEnv("DONGBO_FAILPOINT", text);
  return import("../../../engine/concurrency/failpoint.ts");
}

describe("a failpoint", () => {
  afterEach(() => {
    vi.unstubAllEnvs();
    vi.restoreAllMocks();
  });

  test("does nothing unless the environment names it", async () => {
    const none = await armedWith(undefined);
    none.failpoint("target-after-rows");
    expect(none.isArmed("target-after-rows")).toBe(false);
    const other = await armedWith("elsewhere:throw");
    other.failpoint("target-after-rows");
    expect(other.isArmed("elsewhere")).toBe(true);
  });

  test("acts at the passing that is asked for, once", async () => {
    const { failpoint } = await armedWith("here:3:throw");
    failpoint("here");
    failpoint("here");
    expect(() => failpoint("here")).toThrow("failpoint here");
    failpoint("here");
  });

  test("that kills ends the process by a signal that cannot be caught, and goes no further", async () => {
    const kill = vi.spyOn(process, "kill").mockReturnValue(true);
    const wait = vi.spyOn(Atomics, "wait").mockReturnValue("ok");
    const { failpoint } = await armedWith("here:kill");
    failpoint("here");
    expect(kill).toHaveBeenCalledWith(process.pid, "SIGKILL");
    expect(wait).toHaveBeenCalledOnce();
  });

  test.each(["here", "here:sometimes", "here:x:kill", "Here:kill"])("refuses the malformed %s", async (text) => {
    await expect(armedWith(text)).rejects.toThrow("DONGBO_FAILPOINT");
  });
});
