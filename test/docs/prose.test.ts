import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { sentencesOf, wordsOf } from './sentences';

const ROOT = join(__dirname, '../..');
const MAX_WORDS = 25;

const FOLDERS = [
  '.',
  'docs',
  'docs/adr',
  'docs/examples/ai-service',
  'client',
  'service',
  'bench',
  'examples/matih',
];
const DOCUMENTS = FOLDERS.flatMap((folder) =>
  readdirSync(join(ROOT, folder))
    .filter((name) => name.endsWith('.md'))
    .map((name) => join(folder, name)),
);

const sentences = (document: string): ReturnType<typeof sentencesOf> =>
  sentencesOf(readFileSync(join(ROOT, document), 'utf8'));

describe('a sentence of a document', () => {
  it('ends with its point, its block or its cell, and has its code as one word', () => {
    const text = 'Of all, `a. b` is\none. Two!\n\n| a b | c |\n\n```\nno text\n```\n- d [e f](g.md)';
    expect(sentencesOf(text).filter(({ text: found }) => found !== '')).toEqual([
      { line: 1, text: 'Of all, code is one.' },
      { line: 1, text: 'Two!' },
      { line: 4, text: 'a b' },
      { line: 4, text: 'c' },
      { line: 9, text: 'd e f' },
    ]);
  });

  it.each(DOCUMENTS)('has at most 25 words in %s', (document) => {
    expect(sentences(document).filter(({ text }) => wordsOf(text) > MAX_WORDS)).toEqual([]);
  });

  it.each(DOCUMENTS)('begins with its actor in %s: never with What, Whoever, Whatever or Of', (document) => {
    const wrong = sentences(document).filter(({ text }) => /^\W*(?:What|Whoever|Whatever|Of)\b/.test(text));
    expect(wrong).toEqual([]);
  });
});
