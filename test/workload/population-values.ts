// Invented people: names as Vietnamese forms hold them, in numbers and lengths that exercise storage.
import type { Random } from "./random.ts";

const families = ["Nguyễn", "Trần", "Lê", "Phạm", "Hoàng", "Huỳnh", "Phan", "Vũ", "Võ", "Đặng", "Bùi", "Đỗ", "Hồ", "Ngô", "Dương", "Lý"];
const middles = ["Văn", "Thị", "Hữu", "Đức", "Minh", "Ngọc", "Thanh", "Quốc", "Thuỳ", "Xuân", "Kim", "Bảo"];
const given = [
  "An",
  "Bình",
  "Cường",
  "Dũng",
  "Giang",
  "Hạnh",
  "Khuê",
  "Liễu",
  "Mỹ",
  "Nghĩa",
  "Phượng",
  "Quỳnh",
  "Sương",
  "Tuấn",
  "Uyên",
  "Ý",
];
const streets = ["Lê Lợi", "Trần Hưng Đạo", "Điện Biên Phủ", "Nguyễn Huệ", "Phạm Ngũ Lão", "Bến Nghé", "Kim Mã", "Ngự Bình"];

/** Provinces of the workload; the shares of the tests name some of them. */
export const provinces = ["01", "31", "46", "48", "56", "79", "80", "92"] as const;

export const statuses = ["resident", "away", "deceased"] as const;

export function fullName(random: Random): string {
  const name = `${random.pick(families)} ${random.pick(middles)} ${random.pick(given)}`;
  // The same name in two Unicode forms is two values, and must stay two.
  return random.chance(0.1) ? name.normalize("NFD") : name;
}

export function address(random: Random): string {
  return `${random.between(1, 999)}/${random.between(1, 40)} đường ${random.pick(streets)}, tổ ${random.between(1, 30)}`;
}

export function birthDate(random: Random): string {
  return `${random.between(1920, 2025)}-${twoDigits(random.between(1, 12))}-${twoDigits(random.between(1, 28))}`;
}

/** Tests escapes of every format on the way: quotes, backslashes, tabs, line ends, NULL's spellings, four-byte characters. */
function awkwardText(random: Random): string {
  return random.pick(["", "\\N", "NULL", "a\tb\nc\r\\.", "'\"`;--", "😀𠀋", "\uFEFFbom", "{},()[]", " đầu và cuối ", "\\x00", "\u2028"]);
}

/** Mostly nothing or short; sometimes long enough to be stored out of line. `share`: how often it is long. */
export function longText(random: Random, share: number): string | null {
  if (random.chance(share)) return `${fullName(random)}: ${random.hex(random.between(2_100, 20_000))}`;
  return random.chance(0.3) ? null : random.chance(0.2) ? awkwardText(random) : random.hex(random.between(0, 120));
}

/** Bytes in PostgreSQL's hexadecimal input form. */
export function bytes(random: Random, share: number): string | null {
  if (random.chance(share)) return `\\x${random.hex(2 * random.between(2_100, 12_000))}`;
  return random.chance(0.5) ? null : `\\x${random.hex(2 * random.between(0, 32))}`;
}

/** A document with what JSON readers in the way would spoil: long numbers, trailing zeros, nested and empty things. */
export function attributes(random: Random, share: number): string | null {
  if (random.chance(0.2)) return null;
  const long = random.chance(share) ? `, "lịch sử": "${random.hex(random.between(2_100, 20_000))}"` : "";
  const number = `${random.between(1, 9)}${"0".repeat(random.between(0, 22))}.${random.between(0, 99)}0`;
  return `{"dân tộc": "Kinh", "số": ${number}, "danh sách": [1, null, {"a": "${random.hex(6)}"}, []], "rỗng": {}${long}}`;
}

export function amount(random: Random): string {
  return random.chance(0.02)
    ? random.pick(["NaN", "0", "-0.01", "12345678901234567890.123456789"])
    : `${random.between(-9_999_999, 99_999_999)}.${random.between(0, 9)}`;
}

/** Amounts that a number of 24 digits, four of them behind the point, holds. */
export function boundedAmount(random: Random): string {
  return random.chance(0.02)
    ? random.pick(["0.0000", "-0.0100", "12345678901234567890.1234", "-99999999999999999999.9999"])
    : `${random.between(-9_999_999, 99_999_999)}.${random.between(0, 9)}`;
}

function twoDigits(number: number): string {
  return String(number).padStart(2, "0");
}
