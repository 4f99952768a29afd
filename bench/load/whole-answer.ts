const HEAD_END = '\r\n\r\n';

/** Whether an answer of HTTP has all of its content. @throws Error for one whose head does not say how long that is */
export function isWhole(text: string): boolean {
  const end = text.indexOf(HEAD_END);
  if (end === -1) return false;
  const length = /\r\ncontent-length: *(\d+)/i.exec(text.slice(0, end))?.[1];
  if (length === undefined) throw new Error(`expected an answer with a Content-Length, got "${text}"`);
  return text.length >= end + HEAD_END.length + Number(length);
}
