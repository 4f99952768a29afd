import { describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { sentencesOf } from '../docs/sentences';
import { commentsOf } from './comments';

const ROOT = join(__dirname, '../..');
const NO_ACTOR = /^[^\w'"`]*(?:What|Whoever|Whatever|Of)\b/;

const files = execFileSync('git', ['ls-files', '--cached', '--others', '--exclude-standard'], {
  cwd: ROOT,
  encoding: 'utf8',
})
  .split('\n')
  .filter((file) => file !== '' && existsSync(join(ROOT, file)));

/** The sentences of a file's comments that begin with no actor, each after the line on which its comment begins. */
function wrongIn(file: string, text: string): readonly string[] {
  return (commentsOf(file, text) ?? []).flatMap(({ line, markdown }) =>
    sentencesOf(markdown)
      .filter((sentence) => NO_ACTOR.test(sentence.text))
      .map((sentence) => `${file}:${line} ${sentence.text}`),
  );
}

describe('a comment', () => {
  it.each([
    ['of a line', 'a.ts', '// Of one.', 1],
    ['behind code', 'a.ts', 'f(); // Of one', 1],
    ['below another behind code', 'a.ts', 'f(); // One\n// Of one', 1],
    ['before the end of a block', 'a.ts', 'function f() {\n  // What\n}', 1],
    ['for documentation', 'a.ts', '/** What one is. */\nconst a = 1;', 1],
    ['in its second sentence', 'a.ts', '/**\n * One is. What\n * two is, too.\n */', 1],
    ['in a tag', 'a.ts', '/**\n * One\n * @returns What is two.\n */\nfunction f() {}', 1],
    ['on lines of its own', 'a.ts', '/** One */\n/** Whoever comes. */\nlet a = 1;', 1],
    ['in Lua', 'a.lua', 'local a\n-- One.\n-- Whatever is two.', 1],
    ['in YAML', 'a.yml', 'a:\n  # Whoever', 1],
    ['below the name of its shell', 'a.sh', '#!/bin/sh\n# What', 1],
    ['in a style', 'a.css', 'p { }\n/* What\n   is */', 1],
    ['in a page', 'a.html', '<p>\n<!-- Of it -->', 1],
    ['within a sentence', 'a.ts', '// One: What is it of? Offers\n// What-ifs', 0],
    ['in quotation marks', 'a.ts', '// `What` is a word. "What is it?" too.', 0],
    ['in a text', 'a.ts', "const a = '// What'; const b = `\n// Of ${a}\n// Of`; const c = /[/* Of */]/;", 0],
    ['in a text of YAML', 'a.yml', 'a: "b # What"\nb: What', 0],
  ])('is read %s', (_, file, text, count) => {
    expect(wrongIn(file, text)).toHaveLength(count);
  });

  it('begins every sentence with its actor: never with What, Whoever, Whatever or Of', () => {
    const texts = files.map((file) => ({ file, text: readFileSync(join(ROOT, file), 'utf8') }));
    const suspects = texts.filter(({ text }) => /\b(?:What|Whoever|Whatever|Of)\b/.test(text));
    expect(suspects.flatMap(({ file, text }) => wrongIn(file, text))).toEqual([]);
  });
});
