import type { Configuration, ShareConfiguration, SubscriptionConfiguration } from "../../engine/config/configuration.ts";
import { loadConfiguration } from "../../engine/config/load-config.ts";
import { closest } from "../../engine/config/suggestion.ts";
import type { Finding } from "../../engine/model/finding.ts";
import { errorCodes } from "../../engine/model/error-codes.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import { printTable } from "../../engine/model/table.ts";
import type { CommandContext } from "./command.ts";
import { FindingsFailure } from "./command-failure.ts";
import { printFinding } from "./output/print-finding.ts";

/** Reads the file that --config names. Throws FindingsFailure with every mistake in it. */
export function readConfigurationFile(context: CommandContext): Configuration {
  return readConfigurationWithWarnings(context).configuration;
}

/** The same, telling warnings on standard error; for commands that act on the configuration. */
export function readConfigurationAloud(context: CommandContext): Configuration {
  const { configuration, warnings } = readConfigurationWithWarnings(context);
  for (const warning of warnings) context.terminal.err(printFinding(warning));
  return configuration;
}

/** The same, for a command that tells warnings in its own way. */
export function readConfigurationWithWarnings(context: CommandContext): { configuration: Configuration; warnings: readonly Finding[] } {
  const { configuration, findings } = loadConfiguration(context.config, context.terminal.environment);
  if (configuration === null) throw new FindingsFailure(findings);
  return { configuration, warnings: findings };
}

export interface NamedSubscription {
  readonly share: ShareConfiguration;
  readonly subscription: SubscriptionConfiguration;
}

/** Throws DB-RUN-021, with the name that was probably meant. */
export function findSubscription(configuration: Configuration, id: string): NamedSubscription {
  const all = allSubscriptions(configuration);
  const found = all.find(({ subscription }) => subscription.id === id);
  if (found === undefined)
    throw unknown(
      "subscription",
      id,
      all.map(({ subscription }) => subscription.id),
    );
  return found;
}

/** One subscription by its id, or all of a share by the share's. Throws DB-RUN-021. */
export function findSubscriptions(configuration: Configuration, id: string): readonly NamedSubscription[] {
  const all = allSubscriptions(configuration);
  const found = all.filter(({ share, subscription }) => subscription.id === id || share.id === id);
  const known = [...all.map(({ subscription }) => subscription.id), ...configuration.shares.map((share) => share.id)];
  if (found.length === 0) throw unknown("subscription or share", id, known);
  return found;
}

/** The table's name as readers write it. Throws DB-RUN-022. */
export function findTable({ share, subscription }: NamedSubscription, name: string): string {
  const known = share.tables.map((table) => printTable(table.target));
  if (known.includes(name)) return name;
  const cause = `the subscription has no table \`${name}\``;
  throw new ReplicationError("DB-RUN-022", {
    subject: subscription.id,
    cause,
    remedy: didYouMean(name, known, errorCodes["DB-RUN-022"].remedy),
  });
}

function allSubscriptions(configuration: Configuration): NamedSubscription[] {
  return configuration.shares.flatMap((share) => share.subscriptions.map((subscription) => ({ share, subscription })));
}

function unknown(what: string, id: string, known: readonly string[]): ReplicationError {
  const remedy = didYouMean(id, known, errorCodes["DB-RUN-021"].remedy);
  return new ReplicationError("DB-RUN-021", { subject: id, cause: `there is no such ${what}`, remedy });
}

function didYouMean(written: string, known: readonly string[], otherwise: string): string {
  const near = closest(written, known);
  if (near !== null) return `Write \`${near}\`, if that is what was meant`;
  return known.length > 0 && known.length <= 12 ? `${otherwise}; known: ${known.join(", ")}` : otherwise;
}
