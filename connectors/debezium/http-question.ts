// One question to a service that speaks HTTP, beside Kafka. Redirections are not followed: they could lead question and password
// elsewhere, and out of TLS.
import { type IncomingMessage, request as requestInClear } from "node:http";
import { request as requestOverTls, type RequestOptions } from "node:https";
import type { ErrorCode } from "../../engine/model/error-codes.ts";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { HttpAddress } from "../../engine/model/server-address.ts";
import { isTlsFailure, tlsCause } from "../tls-failure.ts";
import { authorityOptions } from "../tls-options.ts";

export interface HttpQuestion {
  /** Behind the service's URL, with its slash. */
  readonly path: string;
  /** Media types that are understood. */
  readonly accept: string;
  /** The error where no trusted connection can be made. */
  readonly untrusted: { readonly code: ErrorCode; readonly subject: string };
}

export interface HttpAnswer {
  readonly status: number;
  readonly body: string;
}

const answerWithinMs = 10_000;
/** Above any schema or configuration: what is larger is another service's answer. */
const bodyBytesMax = 8 * 1024 * 1024;

/** GET. Throws ReplicationError with the code of `untrusted`; Node's own errors for all other failures. */
export async function askHttp(address: HttpAddress, { path, accept, untrusted }: HttpQuestion): Promise<HttpAnswer> {
  const { url, user, password, tls } = address;
  const credentials = Buffer.from(`${user ?? ""}:${password?.reveal() ?? ""}`, "utf8").toString("base64");
  const headers = { accept, ...(user === null ? {} : { authorization: `Basic ${credentials}` }) };
  const options: RequestOptions = {
    headers,
    agent: false,
    signal: AbortSignal.timeout(answerWithinMs),
    ...(tls === null ? {} : authorityOptions(tls, untrusted)),
    ...(tls === null || tls.mode === "verify-full" ? {} : { checkServerIdentity: () => undefined }),
  };
  try {
    return await answerTo(`${url}${path}`, tls === null ? requestInClear : requestOverTls, options);
  } catch (error) {
    const { code } = error as { code?: unknown };
    if (typeof code !== "string" || !isTlsFailure(code)) throw error;
    throw new ReplicationError(untrusted.code, { subject: untrusted.subject, cause: tlsCause(code, "server") }, { cause: error });
  }
}

function answerTo(url: string, request: typeof requestOverTls, options: RequestOptions): Promise<HttpAnswer> {
  return new Promise((resolve, reject) => {
    const asked = request(url, options, (response) => {
      bodyOf(response).then((body) => resolve({ status: response.statusCode ?? 0, body }), reject);
    });
    asked.once("error", reject);
    asked.end();
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > bodyBytesMax) throw new Error("the answer is too large");
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString("utf8");
}
