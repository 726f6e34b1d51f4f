/** Names of fields whose values are never shown. */
const secretField = /passw|secret|token|credential|api_?key|authorization/i;

/** `scheme://user:password@` and `password=...` inside text: drivers put connection strings into their messages. */
const urlCredentials = /(\b[a-z][a-z0-9+.-]*:\/\/)\S*@/gi;
const keywordPassword = /\b(password|passfile|sslpassword)\s*=\s*('[^']*'|[^\s'&]+)/gi;

/** The text without credentials. Costs one scan; used for everything that leaves the process as a message. */
export function redactText(text: string): string {
  return text.replace(urlCredentials, "$1***@").replace(keywordPassword, "$1=***");
}

/** A field's value as it may be shown. */
export function redactField<Value>(name: string, value: Value): Value | string {
  if (secretField.test(name)) return "***";
  return typeof value === "string" ? redactText(value) : value;
}
