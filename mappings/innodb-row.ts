// How much of a row of InnoDB a column takes, as the server reckons when it makes a table (MySQL manual, "Limits on Table
// Column Count and Row Size"; MariaDB, "Troubleshooting Row Size Too Large Errors with InnoDB"). Measured on MariaDB 10.11.
// A row whose values take more, mostly many texts of up to 40 bytes, is refused when it comes.
import { readDeclaration } from "../engine/model/type-declaration.ts";

/** What a row may have by its declaration, texts and bytes without limit left out, and of it inside of its page of 16 KiB. */
export const rowBytesMax = 65_000;
export const pageBytesMax = 8_000;

/** utf8mb4. */
export const characterBytes = 4;
/** A column that may be longer than this may lie outside of its page. */
export const insideBytesMax = 255;
/** What is left in the page of a column that lies outside of it. */
const pointerBytes = 21;

/** Bytes at most of a text or bytes of bounded length; 0 for other types. */
export function boundedBytes(declaration: string): number {
  const { name, numbers } = readDeclaration(declaration);
  const [length = 1] = numbers;
  if (name === "varchar" || name === "char") return length * characterBytes;
  return name === "varbinary" || name === "binary" ? length : 0;
}

/** Bytes at most towards `rowBytesMax`. */
export function rowBytes(declaration: string): number {
  const bounded = boundedBytes(declaration);
  return bounded > 0 ? bounded + 2 : fixedBytes(declaration);
}

/** Bytes towards `pageBytesMax`, its NULL bit among them. */
export function pageBytes(declaration: string): number {
  const bounded = boundedBytes(declaration);
  const inside = bounded > insideBytesMax ? pointerBytes : bounded + 2;
  return (bounded === 0 ? fixedBytes(declaration) : inside) + 1 / 8;
}

const sizes: Readonly<Record<string, number>> = {
  tinyint: 1,
  smallint: 2,
  int: 4,
  bigint: 8,
  float: 4,
  double: 8,
  date: 3,
  time: 6,
  datetime: 8,
  timestamp: 7,
};

function fixedBytes(declaration: string): number {
  const { name, numbers } = readDeclaration(declaration);
  const [first = 1, scale = 0] = numbers;
  const word = name.split(" ")[0] ?? "";
  if (word === "decimal") return digitsBytes(first - scale) + digitsBytes(scale);
  if (word === "bit") return Math.ceil(first / 8);
  return sizes[word] ?? pointerBytes;
}

/** Nine digits in four bytes, fewer in as many as they need. */
function digitsBytes(digits: number): number {
  return Math.floor(digits / 9) * 4 + Math.ceil((digits % 9) / 2);
}
