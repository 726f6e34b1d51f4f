// What every command has in common: --config, --json, --help with an example, and an end that scripts can rely on.
import { Command, CommanderError } from "commander";
import { reportFailure, usageError } from "./command-failure.ts";
import { type ExitCode, exitCode, type Terminal } from "./terminal.ts";

/** What a command is given besides its own arguments. */
export interface CommandContext {
  readonly terminal: Terminal;
  /** Path of the configuration file as typed. */
  readonly config: string;
  readonly json: boolean;
}

/** Adds one command to the program. */
export interface CommandDefinition {
  /** Name and arguments, in commander's form: `trace <subscription> <key...>`. */
  readonly usage: string;
  readonly description: string;
  /** Further options: flags in commander's form and what they do. */
  readonly options?: readonly (readonly [flags: string, description: string])[];
  /** One command line that works, with a sentence. */
  readonly example: readonly [sentence: string, commandLine: string];
  /** Further text below the help. */
  readonly notes?: string;
  readonly run: (context: CommandContext, input: CommandInput) => Promise<ExitCode>;
}

export interface CommandInput {
  /** Arguments by position; a variadic one holds several. */
  readonly arguments: readonly (string | readonly string[] | undefined)[];
  /** Own options by their camel-case name. */
  readonly options: Readonly<Record<string, string | boolean | undefined>>;
}

/**
 * Runs one command line and returns its exit code. Nothing that a command does ends the process, so tests run commands
 * in their own.
 */
export async function runCommandLine(
  parameters: readonly string[],
  terminal: Terminal,
  { definitions, version }: { definitions: readonly CommandDefinition[]; version: string },
): Promise<ExitCode> {
  let result: ExitCode = exitCode.ok;
  const json = parameters.includes("--json");
  const program = newProgram(terminal, version);
  for (const definition of definitions) {
    addCommand(program, definition, async (context, input) => {
      result = await definition.run({ terminal, ...context }, input);
    });
  }
  try {
    await program.parseAsync([...parameters], { from: "user" });
    return result;
  } catch (error) {
    if (!(error instanceof CommanderError)) return reportFailure(error, terminal, json);
    if (error.code === "commander.helpDisplayed" || error.code === "commander.version") return exitCode.ok;
    // `dongbo` alone: the help has been printed to standard error.
    if (error.code === "commander.help") return exitCode.usage;
    return reportFailure(usageError(sentence(error.message)), terminal, json);
  }
}

function newProgram(terminal: Terminal, version: string): Command {
  return new Command("dongbo")
    .description("Keeps copies of master data equal to the master, and refuses them when they are no longer valid.")
    .version(version, "-V, --version", "print the version")
    .helpOption("-h, --help", "print this help")
    .helpCommand("help [command]", "print the help of a command")
    .showSuggestionAfterError(true)
    .exitOverride()
    .configureOutput({
      writeOut: (text) => {
        terminal.out(text);
      },
      writeErr: (text) => {
        // Mistakes are printed by reportFailure, in the form of every other error.
        if (!text.startsWith("error:")) terminal.err(text);
      },
    })
    .addHelpText("after", "\n`dongbo bench` measures this build on this machine, before an upgrade say; see `dongbo bench --help`.")
    .addHelpText(
      "after",
      "\nExit codes: 0 done, 1 failed, 2 bad usage or configuration, 3 copies differ, 4 unverified, 5 done but something is stopped or quarantined.",
    );
}

function addCommand(
  program: Command,
  definition: CommandDefinition,
  run: (context: Omit<CommandContext, "terminal">, input: CommandInput) => Promise<void>,
): void {
  const [sentence, commandLine] = definition.example;
  const command = program
    .command(definition.usage)
    .description(definition.description)
    .option("--config <file>", "the configuration file", "dongbo.yaml")
    .option("--json", "print JSON of a stable shape to standard output", false);
  for (const [flags, description] of definition.options ?? []) command.option(flags, description);
  command.addHelpText(
    "after",
    `\nExample: ${sentence}\n  $ ${commandLine}${definition.notes === undefined ? "" : `\n\n${definition.notes}`}`,
  );
  command.action(async (...given: unknown[]) => {
    const options = command.opts<{ config: string; json: boolean } & Record<string, string | boolean | undefined>>();
    // Commander appends the options and the command to the arguments.
    const input = { arguments: given.slice(0, -2) as CommandInput["arguments"], options };
    await run({ config: options.config, json: options.json }, input);
  });
}

/** Commander's message as the cause of one of our errors. */
function sentence(message: string): string {
  return message.replace(/^error: /, "").replace(/\n\(Did you mean (.*)\?\)$/s, " (did you mean $1?)");
}
