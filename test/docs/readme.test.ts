import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';

const ROOT = join(__dirname, '../..');
const readme = readFileSync(join(ROOT, 'README.md'), 'utf8');
const protocol = readFileSync(join(ROOT, 'PROTOCOL.md'), 'utf8');

/** The text under a heading of the second level. */
function section(markdown: string, heading: string): string {
  const [, text = ''] = markdown.split(new RegExp(`^## ${heading}$`, 'm'));
  return text.split(/^## /m)[0] ?? '';
}

const places = [...section(readme, 'Where is what').matchAll(/`([\w.-]+\/[\w./-]*)`/g)].map(
  ([, path = '']) => path,
);

describe('README.md', () => {
  it('lets a newcomer try it before it says how it works', () => {
    const headings = [...readme.matchAll(/^## (.+)$/gm)].map(([, heading]) => heading);
    expect(headings.slice(0, 2)).toEqual(['Try it', 'How it works']);
  });

  it('names only folders and files that there are', () => {
    expect(places.length).toBeGreaterThan(50);
    expect(places.filter((path) => !existsSync(join(ROOT, path)))).toEqual([]);
  });

  it.each(['plugin', 'sidecar'])('says of each folder of %s/ what is there', (server) => {
    const folders = readdirSync(join(ROOT, server), { withFileTypes: true })
      .filter((entry) => entry.isDirectory() && !['bin', 'kong-pdk'].includes(entry.name))
      .map(({ name }) => `${server}/${name}/`);
    expect(folders.filter((folder) => !places.includes(folder))).toEqual([]);
  });
});

describe("PROTOCOL.md's glossary", () => {
  it('comes first', () => {
    expect(/^## (.+)$/m.exec(protocol)?.[1]).toBe('Glossary');
  });

  it.each(['epoch', 'offset', 'session', 'channel', 'peer', 'handover', 'marker'])('explains %s', (word) => {
    expect(section(protocol, 'Glossary')).toMatch(new RegExp(`^\\| ${word} +\\| .+\\.`, 'm'));
  });
});
