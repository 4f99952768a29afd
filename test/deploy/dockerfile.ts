import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { ROOT } from './manifests';

/** One instruction of a Dockerfile: `USER 1000:1000`. */
export interface Instruction {
  readonly keyword: string;
  readonly text: string;
}

/** The instructions of each stage of the Dockerfile, by its name. */
export function stages(): ReadonlyMap<string, readonly Instruction[]> {
  const lines = readFileSync(join(ROOT, 'Dockerfile'), 'utf8')
    .split('\n')
    .filter((line) => !line.startsWith('#'))
    .join('\n')
    .replaceAll(/\\\n\s*/g, '')
    .split('\n');
  const found = new Map<string, Instruction[]>();
  let current: Instruction[] = [];
  for (const line of lines) {
    const [, keyword = '', text = ''] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
    if (keyword === 'FROM') found.set(/ AS (\w+)$/.exec(text)?.[1] ?? '', (current = []));
    else if (keyword !== '') current.push({ keyword, text });
  }
  return found;
}

/** The text of a stage's last such instruction. @throws when it has none */
export function instruction(stage: string, keyword: string): string {
  const last = (stages().get(stage) ?? []).filter((entry) => entry.keyword === keyword).at(-1);
  if (last === undefined) throw new Error(`expected ${keyword} in the stage ${stage}`);
  return last.text;
}

/** A command in the form of a JSON array. */
export function command(stage: string, keyword: 'CMD' | 'HEALTHCHECK'): readonly string[] {
  return JSON.parse(/\[.*\]$/.exec(instruction(stage, keyword))?.[0] ?? '') as string[];
}

/** The value of `--name` of a command line. */
export function optionOf(line: readonly string[], name: string): string | undefined {
  const at = line.indexOf(`--${name}`);
  return at === -1 ? undefined : line[at + 1];
}
