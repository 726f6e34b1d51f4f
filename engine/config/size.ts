import { read, refuse, type Reading } from "./reading.ts";

const unitBytes: Readonly<Record<string, number>> = {
  B: 1,
  kB: 1024,
  KB: 1024,
  KiB: 1024,
  MB: 1024 ** 2,
  MiB: 1024 ** 2,
  GB: 1024 ** 3,
  GiB: 1024 ** 3,
  TB: 1024 ** 4,
  TiB: 1024 ** 4,
};

/** Reads a size with its unit as bytes. Units mean what they mean in postgresql.conf: each is 1024 times the one before. */
export function parseSize(text: string): Reading<number> {
  const match = /^(\d{1,15}(?:\.\d{1,3})?) ?([A-Za-z]{1,3})$/.exec(text);
  const unit = match?.[2] === undefined ? undefined : unitBytes[match[2]];
  if (match?.[1] === undefined || unit === undefined) return refuse("DB-CFG-031");
  const bytes = Math.floor(Number(match[1]) * unit);
  if (bytes < 1) return refuse("DB-CFG-031", { cause: "the size is less than one byte" });
  if (!Number.isSafeInteger(bytes)) return refuse("DB-CFG-031", { cause: "the size is larger than any disk" });
  return read(bytes);
}
