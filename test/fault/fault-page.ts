import { type Fault, faultMatrix, notInjected } from "./fault-matrix.ts";

/** deploy/reference/faults.md. */
export function faultPage(): string {
  const sections = faultMatrix.map(({ name, faults }) => [`## ${name}`, ...table(faults)].join("\n\n"));
  const open = Object.entries(notInjected).map(([number, why]) => `- ${number}: ${why}`);
  const lead = [
    "# Faults that dongbo survives",
    "<!-- Made from test/fault/fault-matrix.ts by test/unit/generate/fault-page.test.ts; do not edit. -->",
    "Each is injected by the tests named beside it, into real servers. Numbers are stable.",
  ];
  return `${[...lead, ...sections, "## Not injected", open.join("\n")].join("\n\n")}\n`;
}

function table(faults: readonly Fault[]): string[] {
  const rows = faults.map(({ number, injected, expected, proofs, open }) => {
    const files = [...new Set(proofs.map(([file]) => `\`${file}\``))];
    return `| ${number} | ${injected} | ${expected}${open === undefined ? "" : ` (not shown: ${open})`} | ${files.join(", ")} |`;
  });
  return [["| | Fault | What happens | Shown by, below `test/` |", "|---|---|---|---|", ...rows].join("\n")];
}
