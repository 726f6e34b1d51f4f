// Floating-point numbers as PostgreSQL prints them (extra_float_digits 1).

/** Shortest digits that read back as the same double, an exponent from 1e+15 on and below 0.0001. */
export function doubleText(value: number): string {
  return printFloat(value, value.toExponential(), 15);
}

/** Shortest digits that read back as the same single; whatever lies between singles is rounded. */
export function floatText(value: number): string {
  const single = Math.fround(value);
  for (let digits = 0; digits < 8; digits++) {
    const text = single.toExponential(digits);
    if (Math.fround(Number(text)) === single) return printFloat(single, text, 6);
  }
  return printFloat(single, single.toExponential(8), 6);
}

/** `scientific`: the digits to print, as Number.toExponential writes them. Exponents of `fixedMax` and more are written out. */
function printFloat(value: number, scientific: string, fixedMax: number): string {
  if (Object.is(value, -0)) return "-0";
  if (!Number.isFinite(value)) return String(value);
  const [mantissa = "", power = ""] = scientific.split("e");
  const exponent = Number(power);
  const sign = mantissa.startsWith("-") ? "-" : "";
  const digits = mantissa.replace(/[-.]/g, "").replace(/(?<=.)0+$/, "");
  if (exponent < -4 || exponent >= fixedMax) {
    const fraction = digits.length > 1 ? `.${digits.slice(1)}` : "";
    return `${sign}${digits.slice(0, 1)}${fraction}e${exponent < 0 ? "-" : "+"}${String(Math.abs(exponent)).padStart(2, "0")}`;
  }
  if (exponent < 0) return `${sign}0.${"0".repeat(-exponent - 1)}${digits}`;
  const whole = digits.slice(0, exponent + 1).padEnd(exponent + 1, "0");
  const fraction = digits.slice(exponent + 1);
  return `${sign}${whole}${fraction === "" ? "" : `.${fraction}`}`;
}
