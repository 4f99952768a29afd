import { execFile } from 'node:child_process';
import { writeFileSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';

const BIN = join(__dirname, '../../dist/plugin/bin/ws-gatekeeper.js');

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gk-'));
  writeFileSync(join(folder, 'kong.yml'), "services: [{ routes: [{ paths: ['~/ws/(chat'] }] }]");
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

async function run(...args: readonly string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  return promisify(execFile)(process.execPath, [BIN, ...args], { cwd: folder }).then(
    (output) => ({ ...output, code: 0 }),
    (cause: unknown) => cause as { code: number; stdout: string; stderr: string },
  );
}

describe('ws-gatekeeper', () => {
  it.each([
    ['a command that there is not', ['verfy'], 1, /^error: unknown command 'verfy', expected verify\n$/],
    [
      'a path with a query',
      ['verify', 'a.b.c', '--path', '/ws/ai/chat?session=a'],
      1,
      /--path .*without a query/,
    ],
    [
      'a path without a slash',
      ['verify', 'a.b.c', '--path', 'ws/ai/chat'],
      1,
      /--path .*Expected a path like/,
    ],
    [
      'a route whose regular expression cannot be read',
      ['verify', 'a.b.c'],
      2,
      /^ws-gatekeeper: kong\.yml: route path ~\/ws\/\(chat: expected a regular expression\n$/,
    ],
  ])('says what is wrong with %s in one line', async (_, args, code, message) => {
    const result = await run(...args);
    expect(result).toMatchObject({ code, stdout: '', stderr: expect.stringMatching(message) });
    expect(result.stderr.trimEnd()).not.toContain('\n');
  });

  it.each(['--socket', '--plugin-info-file'])('says that the folder of %s is missing', async (option) => {
    const paths = { '--socket': join(folder, 'gk.sock'), [option]: join(folder, 'nowhere/file') };
    const { code, stdout } = await run(...Object.entries(paths).flat());
    expect([code, JSON.parse(stdout)]).toMatchObject([
      1,
      {
        msg: 'ws-gatekeeper cannot start',
        reason: expect.stringMatching(/nowhere\/file: expected the folder .*\/nowhere to be there/),
      },
    ]);
  });
});
