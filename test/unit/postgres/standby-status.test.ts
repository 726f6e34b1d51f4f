import { expect, test } from "vitest";
import { encodeCopyDone, encodeQuery, encodeStandbyStatus, encodeTerminate } from "../../../connectors/postgres/capture/standby-status.ts";

test("a status says the acknowledged position three times, our clock since 2000, and whether an answer is wanted", () => {
  const at = BigInt(Date.parse("2000-01-01T00:00:01Z")) * 1000n;
  const bytes = encodeStandbyStatus({ acknowledged: 0x16_b374_d848n, at, replyRequested: true });
  expect(bytes.toString("hex")).toBe(
    ["64", "00000026", "72", "00000016b374d848", "00000016b374d848", "00000016b374d848", "00000000000f4240", "01"].join(""),
  );
});

test("nothing acknowledged is the invalid position, which the server passes over", () => {
  const bytes = encodeStandbyStatus({ acknowledged: 0n, at: 946_684_800_000_000n, replyRequested: false });
  expect(bytes.subarray(6).every((byte) => byte === 0)).toBe(true);
});

test("the other messages", () => {
  expect(encodeCopyDone().toString("hex")).toBe("6300000004");
  expect(encodeTerminate().toString("hex")).toBe("5800000004");
  expect(encodeQuery("đ").toString("hex")).toBe("5100000007c49100");
});
