// What TLS owes, the same for every kind of server: a server that cannot prove who it is gets nothing, and plain text is no way out.
import { writeFileSync } from "node:fs";
import { createServer, connect } from "node:net";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { ReplicationError } from "../../engine/model/replication-error.ts";
import type { TlsSettings } from "../../engine/model/server-address.ts";
import { type CertificateFiles, openedToOthers, TestAuthority } from "./test-authority.ts";

/** Who asks to be let in, by name and password or by a certificate. Both are looked for in what was sent in the clear. */
export const entrant = { user: "tls_entrant", byCertificate: "tls_certified", password: "entrant-passw0rd" } as const;

export type Entrance = "password" | "certificate";

/** Where to go, and how to trust what answers. */
export interface WayIn {
  readonly host: string;
  readonly port: number;
  readonly tls: TlsSettings;
}

export interface TlsSubject extends AsyncDisposable {
  /** From now on the server shows this certificate, and asks at the entrance `certificate` for one of its authority; null: speaks no TLS. */
  serve(files: CertificateFiles | null): Promise<void>;
  port(entrance: Entrance): number;
  /** Resolves once let in, over TLS. Rejects as the engine does. */
  enter(way: WayIn, entrance: Entrance): Promise<void>;
}

export interface TlsKind {
  readonly kind: string;
  /** The code of a connection that is not trusted. */
  readonly untrusted: string;
  /** The codes with which who shows no certificate, or one of strangers, may be refused: servers differ in when they look. */
  readonly uncertified: readonly string[];
  readonly start: (authority: string, certificates: Certificates) => Promise<TlsSubject>;
}

export type CertificateName = "good" | "address" | "name" | "other" | "expired" | "early";
export type Certificates = Readonly<Record<CertificateName, CertificateFiles>>;

const [name, address] = ["localhost", "127.0.0.1"];
const [expired, early, foreign, elsewhere] = ["has expired", "is not valid yet", "not trusted here", "for another host name"];

type Trusts = "authority" | "stranger" | "system";
type Row = readonly [serves: CertificateName, host: string, mode: TlsSettings["mode"], trusts: Trusts, refused: string | null];

const rows: readonly Row[] = [
  ["good", name, "verify-full", "authority", null],
  ["good", address, "verify-full", "authority", null],
  ["good", name, "verify-full", "stranger", foreign],
  ["good", name, "verify-ca", "stranger", foreign],
  ["good", name, "require", "stranger", foreign],
  ["good", name, "verify-full", "system", foreign],
  ["address", address, "verify-full", "authority", null],
  ["name", address, "verify-full", "authority", elsewhere],
  ["name", address, "verify-ca", "authority", null],
  ["other", name, "verify-full", "authority", elsewhere],
  ["other", address, "verify-full", "authority", elsewhere],
  ["other", name, "verify-ca", "authority", null],
  ["expired", name, "verify-full", "authority", expired],
  ["expired", name, "verify-ca", "authority", expired],
  ["early", name, "verify-full", "authority", early],
];

export function registerTlsTests({ kind, untrusted, uncertified, start }: TlsKind): void {
  describe(`SE-07: TLS to ${kind}`, () => {
    let authority: TestAuthority;
    let stranger: TestAuthority;
    let certificates: Certificates;
    let subject: TlsSubject;
    let ours: CertificateFiles;
    let served: CertificateName | null = null;

    beforeAll(async () => {
      [authority, stranger] = [TestAuthority.make("authority"), TestAuthority.make("stranger")];
      certificates = {
        good: authority.issue("good", { names: "DNS:localhost,IP:127.0.0.1" }),
        address: authority.issue("address", { names: "IP:127.0.0.1" }),
        name: authority.issue("name", { names: "DNS:localhost" }),
        other: authority.issue("other", { names: "DNS:other.example.vn,IP:127.0.0.2" }),
        expired: authority.issue("expired", { names: "DNS:localhost", from: -30, to: -1 }),
        early: authority.issue("early", { names: "DNS:localhost", from: 1 }),
      };
      ours = authority.issue(entrant.byCertificate, { names: "DNS:dongbo.example.vn" });
      subject = await start(authority.certificate, certificates);
    });
    afterAll(async () => subject?.[Symbol.asyncDispose]());

    async function serve(wanted: CertificateName | null): Promise<void> {
      if (wanted !== served) await subject.serve(wanted === null ? null : certificates[wanted]);
      served = wanted;
    }

    function way(entrance: Entrance, tls: Partial<TlsSettings> = {}, host = name): WayIn {
      const settings = { mode: "verify-full", rootCertificate: authority.certificate, certificate: null, key: null, ...tls } as const;
      return { host, port: subject.port(entrance), tls: settings };
    }

    async function refusal(to: WayIn, entrance: Entrance = "password"): Promise<ReplicationError> {
      try {
        await subject.enter(to, entrance);
      } catch (error) {
        if (!(error instanceof ReplicationError)) throw error;
        expect(`${error.stack}${JSON.stringify(error)}`).not.toContain(entrant.password);
        return error;
      }
      throw new Error("let in");
    }

    test.each(rows)("serves %s, called %s, %s, trusts %s: %s", async (serves, host, mode, trusts, words) => {
      await serve(serves);
      const rootCertificate = { authority: authority.certificate, stranger: stranger.certificate, system: null }[trusts];
      const to = way("password", { mode, rootCertificate }, host);
      if (words === null) return subject.enter(to, "password");
      expect(await refusal(to)).toMatchObject({ code: untrusted, explanation: expect.stringContaining(words) as string });
    });

    test("a client certificate is shown where one is demanded; none, or one of strangers, is not enough", async () => {
      await serve("good");
      await subject.enter(way("certificate", ours), "certificate");
      const theirs = stranger.issue(entrant.byCertificate, { names: "DNS:dongbo.example.vn" });
      for (const shown of [{}, theirs]) {
        const { code } = await refusal(way("certificate", shown), "certificate");
        expect(uncertified).toContain(code);
      }
    });

    test("files that are none, that do not belong together or that others may read are refused by name", async () => {
      await serve("good");
      const rubbish = join(authority.folder, "rubbish.pem");
      writeFileSync(rubbish, "-----BEGIN CERTIFICATE-----\nrubbish\n");
      const wrong: readonly (readonly [Partial<TlsSettings>, string])[] = [
        [{ rootCertificate: rubbish }, rubbish],
        [{ rootCertificate: "/nowhere/ca.pem" }, "/nowhere/ca.pem"],
        [{ ...ours, certificate: rubbish }, rubbish],
        [{ ...ours, key: rubbish }, rubbish],
        [{ ...ours, key: certificates.name.key }, certificates.name.key],
        [{ ...ours, key: openedToOthers(ours.key) }, `${ours.key}.open`],
      ];
      for (const [tls, named] of wrong) {
        const { explanation } = await refusal(way("password", tls));
        expect(explanation).toContain(named);
      }
    });

    test("a server without TLS is refused, and nothing of user and password was sent to it", async () => {
      await serve(null);
      await using tap = await Tap.start(subject.port("password"));
      for (const mode of ["require", "verify-ca", "verify-full"] as const) {
        await refusal({ ...way("password", { mode }), port: tap.port });
      }
      expect(tap.sent.length).toBeGreaterThan(0);
      for (const word of [entrant.user, entrant.password]) expect(tap.sent.join("")).not.toContain(word);
    });
  });
}

/** Listens in on what is sent to a server. */
class Tap implements AsyncDisposable {
  /** What clients sent, in pieces; for a server that speaks first, and was refused for it, that they came. */
  readonly sent: string[] = [];
  readonly #server;

  private constructor(to: number) {
    this.#server = createServer((client) => {
      const server = connect(to, address);
      this.sent.push("(a client) ");
      client.on("data", (bytes) => this.sent.push(bytes.toString("latin1")));
      for (const socket of [client, server]) socket.on("error", () => {});
      client.pipe(server).pipe(client);
    });
  }

  static async start(to: number): Promise<Tap> {
    const tap = new Tap(to);
    await new Promise<void>((resolve) => {
      tap.#server.listen(0, address, resolve);
    });
    return tap;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await new Promise((resolve) => {
      this.#server.close(resolve);
    });
  }
}
