import { spawnSync } from "node:child_process";
import { obtainProgram } from "../../deploy/embedded/debian-packages.ts";
import { brokerArtifacts, pluginArtifacts, workerArtifacts } from "../../deploy/embedded/kafka-artifacts.ts";

/** What runs beside dongbo and PostgreSQL: the broker, the worker with its sink, and the Java machine. */
export function kafkaVersions(): Record<string, string> {
  const { stderr } = spawnSync(obtainProgram("java", "default-jre-headless"), ["-version"], { encoding: "utf8" });
  return {
    broker: brokerArtifacts["4"].artifacts[0] ?? "",
    connect: workerArtifacts.artifacts[0] ?? "",
    sink: pluginArtifacts["jdbc-sink"].artifacts[0] ?? "",
    java: stderr.split("\n")[0] ?? "",
  };
}
