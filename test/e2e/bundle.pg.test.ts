import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { projectFolder } from "../../deploy/embedded/maven-artifacts.ts";
import { buildDongbo } from "../support/dongbo-home.ts";

test.runIf(process.env["DONGBO_TEST_CLI"] === undefined)(
  "no file that the command line starts from takes two bytes a character",
  async () => {
    await buildDongbo();
    const folder = join(projectFolder(), "dist", "bundle");
    const files = readdirSync(folder).filter((name) => name.endsWith(".js"));
    const wide = files.filter((name) => /[^\0-\xff]/u.test(readFileSync(join(folder, name), "utf8")));
    expect(files).toContain("cli.js");
    expect(wide).toEqual([]);
  },
);
