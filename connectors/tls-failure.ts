// Failures of TLS in words, the same for every kind of server (Node.js manual, "X509 certificate error codes"; OpenSSL names alerts).

/** Whether Node names a failure of TLS so. */
export function isTlsFailure(code: string): boolean {
  return /^(CERT_|ERR_TLS_|ERR_SSL_|ERR_OSSL_|UNABLE_TO_|SELF_SIGNED_|DEPTH_ZERO_|HOSTNAME_MISMATCH|INVALID_CA|EPROTO)/.test(code);
}

/** What the failure means, as the cause of an error. `text`: the driver's words, where it keeps no code of Node's. */
export function tlsCause(code: string, whose: "server" | "broker", text = ""): string {
  const certificate = `the ${whose}'s certificate`;
  const found = causes.find(({ codes, words }) => codes.test(code) || (words !== undefined && words.test(text)));
  return found === undefined ? `the TLS handshake failed (${code})` : found.cause(certificate, whose);
}

const causes: readonly {
  readonly codes: RegExp;
  readonly words?: RegExp;
  readonly cause: (certificate: string, whose: string) => string;
}[] = [
  {
    codes: /^CERT_HAS_EXPIRED$/,
    words: /certificate has expired/,
    cause: (certificate) => `${certificate} has expired`,
  },
  {
    codes: /^CERT_NOT_YET_VALID$/,
    words: /certificate is not yet valid/,
    cause: (certificate) => `${certificate} is not valid yet`,
  },
  {
    codes: /^(ERR_TLS_CERT_ALTNAME_\w+|HOSTNAME_MISMATCH)$/,
    words: /altnames|Hostname\/IP/,
    cause: (certificate) => `${certificate} is for another host name`,
  },
  {
    codes: /SELF_SIGNED|UNABLE_TO_GET_ISSUER|UNABLE_TO_VERIFY/,
    words: /self.signed|issuer certificate|verify the first/,
    cause: (certificate) => `${certificate} comes from an authority that is not trusted here`,
  },
  { codes: /^CERT_REVOKED$/, cause: (certificate) => `${certificate} was revoked` },
  {
    codes: /^ERR_SSL_\w*ALERT_(CERTIFICATE_\w+|UNKNOWN_CA|BAD_CERTIFICATE|UNSUPPORTED_CERTIFICATE|ACCESS_DENIED)$/,
    words: /alert (certificate|unknown ca|bad certificate|unsupported certificate|access denied)/,
    cause: (_, whose) => `the ${whose} asks for a client certificate that it trusts: name it with sslcert and sslkey`,
  },
];
