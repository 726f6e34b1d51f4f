// Programs that come as Java libraries: resolved once by Maven, with everything they need, into a folder of the project.
import { execFile } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { obtainProgram } from "./debian-packages.ts";

export interface ArtifactSet {
  /** Names the folder, beside a digest of the artifacts. */
  readonly name: string;
  /** `group:artifact:version`. Where two need another version of a third, the one that is named here wins, else the first. */
  readonly artifacts: readonly string[];
}

const runFile = promisify(execFile);

/** Folder that holds the set's jars in its folder `jars`. Any number of processes may ask at once. */
export async function obtainArtifacts(set: ArtifactSet): Promise<string> {
  const pom = pomOf(set);
  const digest = createHash("sha256").update(pom).digest("hex").slice(0, 12);
  const folder = join(projectFolder(), ".servers", `${set.name}-${digest}`);
  if (existsSync(folder)) return folder;
  obtainProgram("java", "default-jre-headless");
  const maven = obtainProgram("mvn", "maven");
  console.error(`Resolving the Java libraries of ${set.name} (once) ...`);
  const draft = `${folder}.${process.pid}`;
  mkdirSync(draft, { recursive: true });
  try {
    writeFileSync(join(draft, "pom.xml"), pom);
    const copy = ["-q", "-B", "dependency:copy-dependencies", "-DincludeScope=runtime", "-DoutputDirectory=jars"];
    const repository = join(homedir(), ".m2");
    mkdirSync(repository, { recursive: true });
    // Maven does not guard its local repository against a second Maven.
    const lock = join(repository, "dongbo.lock");
    await runFile(obtainProgram("flock", "util-linux"), [lock, maven, ...copy], { cwd: draft, maxBuffer: 1 << 26 });
    if (!existsSync(folder)) renameSync(draft, folder);
  } catch (error) {
    // Another process was faster.
    if (existsSync(folder)) return folder;
    const { stdout } = error as { stdout?: string };
    throw new Error(`Maven could not resolve ${set.name}:\n${stdout ?? ""}`, { cause: error });
  } finally {
    rmSync(draft, { recursive: true, force: true });
  }
  return folder;
}

function pomOf(set: ArtifactSet): string {
  const dependencies = set.artifacts.map((artifact) => {
    const [group, name, version] = artifact.split(":");
    return `<dependency><groupId>${group}</groupId><artifactId>${name}</artifactId><version>${version}</version></dependency>`;
  });
  return `<project xmlns="http://maven.apache.org/POM/4.0.0">
<modelVersion>4.0.0</modelVersion><groupId>dongbo</groupId><artifactId>${set.name}</artifactId><version>1</version><packaging>pom</packaging>
<dependencies>
${dependencies.join("\n")}
</dependencies>
</project>
`;
}

/** The nearest folder above with a package.json: the sources and what was compiled from them share what was resolved. */
export function projectFolder(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, "package.json"))) folder = dirname(folder);
  return folder;
}
