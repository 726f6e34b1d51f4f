/** Names of fields whose values are never shown. */
const secretField = /passw|secret|token|credential|api_?key|authorization/i;

const keywordPassword = /\b(password|passfile|sslpassword)\s*=\s*('[^']*'|[^\s'&]+)/gi;

/**
 * The text without credentials: `scheme://user:password@` and `password=...`, which drivers put into their messages. Costs one scan,
 * whatever the text; used for everything that leaves the process as a message.
 */
export function redactText(text: string): string {
  const masked = text.includes("://") ? text.replace(/\S+/g, withoutCredentials) : text;
  return masked.replace(keywordPassword, "$1=***");
}

/** One word, without what stands between the first `://` and the last `@`. */
function withoutCredentials(word: string): string {
  const [mark, at] = [word.indexOf("://"), word.lastIndexOf("@")];
  return mark < 0 || at < mark ? word : `${word.slice(0, mark)}://***${word.slice(at)}`;
}

/** A field's value as it may be shown. */
export function redactField<Value>(name: string, value: Value): Value | string {
  if (secretField.test(name)) return "***";
  return typeof value === "string" ? redactText(value) : value;
}
