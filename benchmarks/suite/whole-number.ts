import { InvalidArgumentError } from "commander";

/** An option's value as a number above 0; takes 1e6 as well as 1000000. Throws what commander shows. */
export function wholeNumber(text: string): number {
  const number = Number(text);
  if (!Number.isSafeInteger(number) || number < 1) throw new InvalidArgumentError("a whole number above 0, such as 1e6");
  return number;
}
