/** Whether it is a control character but tab and line feed, or one that turns the direction of writing (Unicode, "Bidi_Control"). */
const invisible = /(?![\t\n])\p{Cc}|\p{Bidi_Control}|[\u2028\u2029]/gu;

/** The text with what could move the cursor, hide words or reorder them made visible: names come from servers that others keep. */
export function visible(text: string): string {
  return text.replace(invisible, (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
