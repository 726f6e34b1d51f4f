// Shows loads: moving bars on a terminal, a plain line now and then elsewhere.
import cliProgress from "cli-progress";
import { printCount, printDuration } from "../output/print-time.ts";
import type { LoadProgress } from "./load-progress.ts";

export interface ProgressDisplay {
  show(loads: readonly LoadProgress[], nowMs: number): void;
  /** Writes a line of the log without disturbing what moves. */
  log(line: string): void;
  close(): void;
}

/** Seconds between plain lines of one load. */
const plainPauseMs = 5_000;

/** `lines` takes plain progress lines; `log` the lines of the log. */
export function plainDisplay(lines: (text: string) => void, log: (line: string) => void): ProgressDisplay {
  const shownAt = new Map<string, number>();
  return {
    show: (loads, nowMs) => {
      for (const load of loads) {
        const last = shownAt.get(load.label);
        if (load.finished) shownAt.delete(load.label);
        else if (last !== undefined && nowMs - last < plainPauseMs) continue;
        else shownAt.set(load.label, nowMs);
        lines(`${progressLine(load)}\n`);
      }
    },
    log,
    close: () => {},
  };
}

export function progressLine(load: LoadProgress): string {
  if (load.finished) return `${load.label}: loaded`;
  const percent = load.rowsExpected === null || load.rowsExpected === 0 ? "" : ` of about ${printCount(load.rowsExpected)}`;
  return `${load.label}: ${printCount(load.rows)}${percent} rows, ${rateText(load)}`;
}

function rateText({ rate, secondsLeft }: LoadProgress): string {
  const left = secondsLeft === null ? "" : `, about ${printDuration(secondsLeft)} left`;
  return `${printCount(Math.round(rate))} rows/s${left}`;
}

export function barDisplay(screen: NodeJS.WriteStream): ProgressDisplay {
  const bars = new cliProgress.MultiBar(
    {
      stream: screen,
      format: "{bar} {label}  {detail}",
      barsize: 24,
      hideCursor: true,
      clearOnComplete: true,
      forceRedraw: true,
      linewrap: false,
      fps: 5,
    },
    cliProgress.Presets.shades_classic,
  );
  const shown = new Map<string, cliProgress.SingleBar>();
  return {
    show: (loads) => {
      for (const load of loads) {
        const total = load.rowsExpected ?? Math.max(1, load.rows);
        const bar = shown.get(load.label) ?? bars.create(total, 0, { label: load.label, detail: "" });
        shown.set(load.label, bar);
        if (load.finished) {
          bars.remove(bar);
          shown.delete(load.label);
          bars.log(`${progressLine(load)}\n`);
          continue;
        }
        bar.setTotal(Math.max(total, load.rows));
        // Where nobody knows the end, the bar stays empty rather than pretend.
        bar.update(load.rowsExpected === null ? 0 : load.rows, { detail: `${printCount(load.rows)} rows, ${rateText(load)}` });
      }
    },
    log: (line) => {
      // Without a bar the library has no line to write above.
      if (shown.size === 0) screen.write(line);
      else bars.log(line);
    },
    close: () => {
      bars.stop();
    },
  };
}
