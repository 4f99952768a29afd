/** A sentence of a Markdown document, and the line on which its block begins. */
export interface Sentence {
  readonly line: number;
  readonly text: string;
}

/** Lines that are a block of their own, up to their text: headings, items of lists. */
const OPENING = /^(?:>\s*)?(?:#+|[-*+]|\d+\.)\s+/;
const END = /(?<=[.?!]["')\]]*)\s+/;

/** The sentences of a Markdown document: of its paragraphs, headings, items and cells, without its code. */
export function sentencesOf(markdown: string): readonly Sentence[] {
  return blocksOf(markdown).flatMap(({ line, text }) =>
    plain(text)
      .split(END)
      .map((sentence) => ({ line, text: sentence })),
  );
}

/** How many words a text has. */
export function wordsOf(text: string): number {
  return text.split(/\s+/).filter((word) => /\w/.test(word)).length;
}

function blocksOf(markdown: string): readonly Sentence[] {
  const blocks: { line: number; text: string }[] = [];
  let isCode = false;
  let isOpen = false;
  for (const [index, raw] of markdown.split('\n').entries()) {
    const text = raw.trim();
    const isFence = text.startsWith('```');
    if (isFence) isCode = !isCode;
    const isOne = text.startsWith('|') || OPENING.test(text);
    if (isCode || isFence || text === '' || text.startsWith('<!--')) isOpen = false;
    else if (isOpen && !isOne)
      blocks.push({ line: blocks.at(-1)?.line ?? 0, text: `${blocks.pop()?.text} ${text}` });
    else {
      const cells = text.startsWith('|') ? text.split(/(?<!\\)\|/) : [text.replace(OPENING, '')];
      blocks.push(...cells.map((cell) => ({ line: index + 1, text: cell.trim() })));
      isOpen = !text.startsWith('|') && !text.startsWith('#');
    }
  }
  return blocks;
}

/** A piece of code, a link and a quotation count as a word each: nobody can say them in fewer. */
function plain(text: string): string {
  return text
    .replace(/``.+?``|`[^`]+`/g, 'code')
    .replace(/!?\[([^\]]*)\]\([^)]*\)/g, '$1')
    .replace(/"[^"]*"/g, 'quotation')
    .replace(/\*\*/g, '');
}
