// vitest's global setup of the projects that start Kafka: fetching its libraries the first time takes longer than any test may.
import { brokerArtifacts, pluginArtifacts, workerArtifacts } from "../../deploy/embedded/kafka-artifacts.ts";
import { obtainArtifacts } from "../../deploy/embedded/maven-artifacts.ts";

export default async function obtainLibraries(): Promise<void> {
  for (const set of [...Object.values(brokerArtifacts), workerArtifacts, ...Object.values(pluginArtifacts)]) await obtainArtifacts(set);
}
