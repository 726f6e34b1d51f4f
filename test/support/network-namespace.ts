// A machine of its own, as far as the network goes: processes in it reach this one by a wire of their own, which can be cut in silence.
import { spawnSync } from "node:child_process";

function ip(...parameters: readonly string[]): string {
  const { status, stdout, stderr, error } = spawnSync("ip", parameters, { encoding: "utf8" });
  if (status === 0) return stdout;
  throw new Error(`ip ${parameters.join(" ")}: ${error?.message ?? stderr.trim()}`);
}

/** A hardware address that nobody has. */
const nobody = "02:00:00:00:00:01";

export class NetworkNamespace implements Disposable {
  /** Of this machine, and of the other. */
  readonly near: string;
  readonly far: string;
  readonly #name: string;
  readonly #ends: { readonly near: string; readonly far: string };

  private constructor(number: number) {
    this.#name = `dongbo-test-${number}`;
    // Names of interfaces have 15 characters at most.
    this.#ends = { near: `dbn${number}`, far: `dbf${number}` };
    const network = `10.${200 + (number >> 14)}.${(number >> 6) & 255}`;
    const place = (number & 63) * 4;
    this.near = `${network}.${place + 1}`;
    this.far = `${network}.${place + 2}`;
  }

  /** Throws where this account may not make one. */
  static create(): NetworkNamespace {
    const namespace = new NetworkNamespace(process.pid % 65_536);
    namespace.#make();
    return namespace;
  }

  /** Why none can be made here; null: one can. */
  static objection(): string | null {
    try {
      NetworkNamespace.create()[Symbol.dispose]();
      return null;
    } catch (error) {
      return (error as Error).message;
    }
  }

  /** What a command is to run under to be in it; the process stays the same. */
  get within(): readonly string[] {
    return ["ip", "netns", "exec", this.#name];
  }

  /** From now on nothing arrives, either way, and nobody is told: neither end sees its wire go down. */
  cut(): void {
    const { near, far } = this.#ends;
    ip("neigh", "replace", this.far, "lladdr", nobody, "dev", near, "nud", "permanent");
    ip("-n", this.#name, "neigh", "replace", this.near, "lladdr", nobody, "dev", far, "nud", "permanent");
  }

  heal(): void {
    const { near, far } = this.#ends;
    ip("neigh", "del", this.far, "dev", near);
    ip("-n", this.#name, "neigh", "del", this.near, "dev", far);
  }

  [Symbol.dispose](): void {
    // The wire goes with it.
    ip("netns", "del", this.#name);
  }

  #make(): void {
    const { near, far } = this.#ends;
    ip("netns", "add", this.#name);
    try {
      ip("link", "add", near, "type", "veth", "peer", "name", far, "netns", this.#name);
      ip("addr", "add", `${this.near}/30`, "dev", near);
      ip("link", "set", near, "up");
      ip("-n", this.#name, "addr", "add", `${this.far}/30`, "dev", far);
      ip("-n", this.#name, "link", "set", far, "up");
      ip("-n", this.#name, "link", "set", "lo", "up");
    } catch (error) {
      this[Symbol.dispose]();
      throw error;
    }
  }
}
