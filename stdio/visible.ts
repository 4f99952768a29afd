/**
 * The characters that a terminal obeys instead of showing them, or shows in another order than they stand. They are C0
 * and C1 controls, DEL, line and paragraph separators, and bidirectional controls (Unicode, PropList.txt).
 */
const CONTROLS = /[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;
const CONTROLS_BUT_LINES = /(?![\n\t])[\p{Cc}\p{Zl}\p{Zp}\p{Bidi_Control}]/gu;

/** Text from outside on one line of a terminal: each control character as JSON writes it, `\u001b`. */
export function visible(text: string): string {
  return text.replace(CONTROLS, escaped);
}

/** The same for text of several lines, whose line feeds and tabs stay. */
export function visibleLines(text: string): string {
  return text.replace(CONTROLS_BUT_LINES, escaped);
}

function escaped(control: string): string {
  return `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}`;
}
