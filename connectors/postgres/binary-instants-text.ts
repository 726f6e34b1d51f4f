// Dates and times in binary, as servers print them with DateStyle ISO in UTC (datetime.c, EncodeDateOnly, EncodeDateTime, EncodeTimeOnly).

const microsPerSecond = 1_000_000;
const microsPerDay = 86_400_000_000n;
/** From the first of March of the year 0 to the beginning of 2000. */
const daysBefore2000 = 730_425;
const daysPer400Years = 146_097;
const daysPer100Years = 36_524;
const daysPer4Years = 1461;

/** Days since the beginning of 2000 as int4; the ends of the range stand for infinity. */
export function printDate(bytes: Buffer, from: number): Buffer {
  const days = bytes.readInt32BE(from);
  if (days === 0x7fff_ffff) return Buffer.from("infinity");
  if (days === -0x8000_0000) return Buffer.from("-infinity");
  const { text, era } = dateOf(days);
  return Buffer.from(text + era, "latin1");
}

/** Microseconds since midnight as int8. */
export function printTime(bytes: Buffer, from: number): Buffer {
  return Buffer.from(timeOf(Number(bytes.readBigInt64BE(from))), "latin1");
}

export function printTimestamp(bytes: Buffer, from: number): Buffer {
  return printInstant(bytes, from, "");
}

export function printTimestamptz(bytes: Buffer, from: number): Buffer {
  return printInstant(bytes, from, "+00");
}

/** Microseconds since the beginning of 2000 as int8; the ends of the range stand for infinity. */
function printInstant(bytes: Buffer, from: number, zone: string): Buffer {
  const micros = bytes.readBigInt64BE(from);
  if (micros === 0x7fff_ffff_ffff_ffffn) return Buffer.from("infinity");
  if (micros === -0x8000_0000_0000_0000n) return Buffer.from("-infinity");
  const sinceMidnight = ((micros % microsPerDay) + microsPerDay) % microsPerDay;
  const { text, era } = dateOf(Number((micros - sinceMidnight) / microsPerDay));
  return Buffer.from(`${text} ${timeOf(Number(sinceMidnight))}${zone}${era}`, "latin1");
}

/** In the Gregorian calendar of all times. The year before 1 is 1 BC. */
function dateOf(days: number): { readonly text: string; readonly era: string } {
  // Years and months counted from March, so that a leap day comes last.
  const since = days + daysBefore2000;
  const cycle = Math.floor(since / daysPer400Years);
  const day = since - cycle * daysPer400Years;
  const leapDays = Math.floor(day / (daysPer4Years - 1)) - Math.floor(day / daysPer100Years) + Math.floor(day / (daysPer400Years - 1));
  const yearOfCycle = Math.floor((day - leapDays) / 365);
  const dayOfYear = day - (365 * yearOfCycle + Math.floor(yearOfCycle / 4) - Math.floor(yearOfCycle / 100));
  const marchMonth = Math.floor((5 * dayOfYear + 2) / 153);
  const dayOfMonth = dayOfYear - Math.floor((153 * marchMonth + 2) / 5) + 1;
  const month = marchMonth < 10 ? marchMonth + 3 : marchMonth - 9;
  const year = 400 * cycle + yearOfCycle + (month <= 2 ? 1 : 0);
  const shown = year > 0 ? year : 1 - year;
  return { text: `${padded(shown, 4)}-${padded(month, 2)}-${padded(dayOfMonth, 2)}`, era: year > 0 ? "" : " BC" };
}

/** Fractions of a second without zeros at their end. */
function timeOf(micros: number): string {
  const seconds = Math.floor(micros / microsPerSecond);
  const minutes = Math.floor(seconds / 60);
  const fraction = micros - seconds * microsPerSecond;
  const clock = `${padded(Math.floor(minutes / 60), 2)}:${padded(minutes % 60, 2)}:${padded(seconds % 60, 2)}`;
  return fraction === 0 ? clock : `${clock}.${padded(fraction, 6).replace(/0+$/, "")}`;
}

function padded(number: number, digits: number): string {
  return String(number).padStart(digits, "0");
}
