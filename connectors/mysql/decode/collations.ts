// Collation numbers, as the binary log names character sets (information_schema.COLLATIONS of MariaDB 10.11; the numbers
// 248 to 250 and 255 to 323 are of MySQL 8).

/** Numbers and ranges of numbers below 1024. */
const numbers: Readonly<Record<string, string>> = {
  armscii8: "32 64",
  ascii: "11 65",
  big5: "1 84",
  binary: "63",
  cp1250: "26 34 44 66 99",
  cp1251: "14 23 50-52",
  cp1256: "57 67",
  cp1257: "29 58-59",
  cp850: "4 80",
  cp852: "40 81",
  cp866: "36 68",
  cp932: "95-96",
  dec8: "3 69",
  eucjpms: "97-98",
  euckr: "19 85",
  gb18030: "248-250",
  gb2312: "24 86",
  gbk: "28 87",
  geostd8: "92-93",
  greek: "25 70",
  hebrew: "16 71",
  hp8: "6 72",
  keybcs2: "37 73",
  koi8r: "7 74",
  koi8u: "22 75",
  latin1: "5 8 15 31 47-49 94",
  latin2: "2 9 21 27 77",
  latin5: "30 78",
  latin7: "20 41-42 79",
  macce: "38 43",
  macroman: "39 53",
  sjis: "13 88",
  swe7: "10 82",
  tis620: "18 89",
  ucs2: "35 90 128-159 640-642",
  ujis: "12 91",
  utf16: "54-55 101-124 672-674",
  utf16le: "56 62",
  utf32: "60-61 160-183 736-738",
  utf8mb3: "33 76 83 192-223 576-578",
  utf8mb4: "45-46 224-247 255-323 608-610",
};

/** MariaDB's collations after UCA 14.0.0: 256 numbers for each character set. */
const uca1400: Readonly<Record<number, string>> = { 8: "utf8mb3", 9: "utf8mb4", 10: "ucs2", 11: "utf16", 12: "utf32" };

const byNumber = new Map<number, string>();
for (const [charset, list] of Object.entries(numbers)) {
  for (const range of list.split(" ")) {
    const [first, last = first] = range.split("-").map(Number);
    for (let number = first ?? 0; number <= (last ?? 0); number++) byNumber.set(number, charset);
  }
}

/** The character set that a collation is of; null when the number is not known. */
export function charsetOfCollation(number: number): string | null {
  if (number >= 2048) return uca1400[number >> 8] ?? null;
  // MariaDB's NOPAD variant of a collation has its number and 1024.
  return byNumber.get(number >= 1024 ? number - 1024 : number) ?? null;
}
