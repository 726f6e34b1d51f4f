// Constants of a filter, which may be written in more ways and lie further out than a MySQL column's values, as SQL and a place in
// the order of these values. Texts were checked against their columns before (mappings/filter-literal.ts).
import { assert } from "../../engine/model/assert.ts";

/**
 * Where a constant lies among the values that its column can have: at one of them, just behind one and before the next,
 * or beyond all.
 */
export type Constant =
  | { readonly at: "value"; readonly sql: string }
  | { readonly at: "after"; readonly sql: string }
  | { readonly at: "above" }
  | { readonly at: "below" };

/** A number among those with `precision` digits, `scale` of them behind the point. NaN is greater than all. */
export function decimalConstant(text: string, precision: number, scale: number): Constant {
  if (/^(nan|\+?inf)/i.test(text)) return { at: "above" };
  if (/^-inf/i.test(text)) return { at: "below" };
  const [, sign = "", whole = "", fraction = "", exponent = "0"] = /^([+-]?)(\d*)\.?(\d*)(?:e([+-]?\d+))?$/i.exec(text) ?? [];
  const digits = `${whole}${fraction}`.replace(/^0+/, "");
  // The point stands behind this many of the digits; negative: before that many zeros.
  const point = digits.length - fraction.length + Number(exponent);
  if (digits === "") return { at: "value", sql: "0" };
  if (point > precision - scale) return { at: sign === "-" ? "below" : "above" };
  const kept = point + scale < 0 ? "" : digits.slice(0, point + scale).padEnd(point + scale, "0");
  const exact = /^0*$/.test(digits.slice(Math.max(point + scale, 0)));
  const magnitude = BigInt(kept === "" ? "0" : kept);
  const value = sign === "-" ? -magnitude - (exact ? 0n : 1n) : magnitude;
  return { at: exact ? "value" : "after", sql: printScaled(value, scale) };
}

function printScaled(value: bigint, scale: number): string {
  const digits = String(value < 0n ? -value : value).padStart(scale + 1, "0");
  const split = digits.length - scale;
  return `${value < 0n ? "-" : ""}${digits.slice(0, split)}${scale === 0 ? "" : `.${digits.slice(split)}`}`;
}

const momentPattern = /^(\d+)-(\d\d)-(\d\d)(?:[ T](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,6}))?)?)?(?:(Z)|([+-])(\d\d)(?::(\d\d))?)?( BC)?$/;

/** A date or an instant, in UTC where a zone is written, among those from year 0 to 9999. */
export function momentConstant(text: string): Constant {
  if (/^-?infinity$/i.test(text)) return { at: text.startsWith("-") ? "below" : "above" };
  const match = momentPattern.exec(text);
  assert(match !== null, "a filter's constants were checked against their columns");
  const [, year, month, day, hours = "0", minutes = "0", seconds = "0", fraction = "", , sign, zoneHours = "0", zoneMinutes = "0", era] =
    match;
  const offset = (sign === "-" ? -1 : 1) * (Number(zoneHours) * 60 + Number(zoneMinutes));
  const moment = new Date(0);
  moment.setUTCFullYear(era === undefined ? Number(year) : 1 - Number(year), Number(month) - 1, Number(day));
  moment.setUTCHours(Number(hours), Number(minutes) - offset, Number(seconds));
  const reached = moment.getUTCFullYear();
  // NaN: beyond what JavaScript's dates hold, and that is far beyond 9999.
  if (Number.isNaN(reached) || reached > 9999) return { at: "above" };
  if (reached < 0) return { at: "below" };
  const iso = moment.toISOString();
  // To MySQL, year 0 has no such day.
  if (iso.startsWith("0000-02-29")) return { at: "after", sql: "TIMESTAMP'0000-02-28 23:59:59.999999'" };
  return { at: "value", sql: `TIMESTAMP'${iso.slice(0, 10)} ${iso.slice(11, 19)}.${fraction.padEnd(6, "0")}'` };
}
