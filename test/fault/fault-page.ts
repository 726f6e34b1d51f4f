import { type Fault, faultMatrix, notInjected } from "./fault-matrix.ts";

/** deploy/reference/faults.md. */
export function faultPage(): string {
  const sections = faultMatrix.map(({ name, faults }) => [`## ${name}`, ...table(faults)].join("\n\n"));
  const open = Object.entries(notInjected).map(([number, why]) => `- ${number}: ${why}`);
  const lead = [
    "# Faults that dongbo survives",
    "<!-- Made from test/fault/fault-matrix.ts by test/unit/generate/fault-page.test.ts; do not edit. -->",
    "Each is injected by the tests named beside it, into real servers. Numbers are stable. How long it takes until copies are forward again was " +
      "measured by a soak of 30 minutes (3 workers, 12 copies, 239 faults, one upon another; median, and the worst), ownership by 20 takeovers, " +
      "on 2 cores. Where nothing is told a fault ends in a coded stop that waits for somebody, or nothing stands still.",
  ];
  return `${[...lead, ...sections, "## Not injected", open.join("\n")].join("\n\n")}\n`;
}

function table(faults: readonly Fault[]): string[] {
  const rows = faults.map(({ number, injected, expected, proofs, recovery = "", open }) => {
    const files = [...new Set(proofs.map(([file]) => `\`${file}\``))];
    return `| ${number} | ${injected} | ${expected}${open === undefined ? "" : ` (not shown: ${open})`} | ${recovery} | ${files.join(", ")} |`;
  });
  return [["| | Fault | What happens | Forward again after | Shown by, below `test/` |", "|---|---|---|---|---|", ...rows].join("\n")];
}
