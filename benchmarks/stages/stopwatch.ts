/** Wall time and processor time of this process, from a moment on. */
export class Stopwatch {
  readonly #started = performance.now();
  readonly #spent = process.cpuUsage();

  read(): { readonly seconds: number; readonly cpuSeconds: number } {
    const { user, system } = process.cpuUsage(this.#spent);
    return { seconds: (performance.now() - this.#started) / 1000, cpuSeconds: (user + system) / 1e6 };
  }
}
