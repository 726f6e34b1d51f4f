// Names and values that would be more than that wherever somebody put them into a statement as they are.
import fc from "fast-check";

/** Of at most 63 bytes, so that PostgreSQL keeps them whole. What they try to do has `canary` in it. */
export const hostileNames = [
  `x"; DROP TABLE public.canary; --`,
  "x`; DROP TABLE public.canary; -- ",
  `x'; DROP TABLE public.canary; --`,
  `x\\'; DROP TABLE public.canary; #`,
  `$$; DROP TABLE public.canary; $$ || '`,
  `a\n;DROP TABLE public.canary;\n--`,
  `*/ DROP TABLE public.canary; /* %s ? $1 :x`,
  `";';\`;)]};\\\\ \t\r%00\${x}`,
] as const;

/** Text of the characters that mean something to SQL, and any other. No NUL. */
export const hostileText = (maxLength: number): fc.Arbitrary<string> =>
  fc.string({
    unit: fc.oneof(
      { weight: 3, arbitrary: fc.constantFrom('"', "'", "`", "\\", ";", "-", "$", "\n", "\r", "%", "_", "?", "E", "\u00A0", "đ", "😀") },
      { weight: 1, arbitrary: fc.string({ unit: "grapheme", minLength: 1, maxLength: 1 }).filter((text) => !text.includes("\0")) },
    ),
    minLength: 1,
    maxLength,
  });
