import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { DEFAULT_ROUTES } from '../../sidecar/routes/route';
import { parseRoutes, ROUTE_MEMBERS } from '../../sidecar/routes/file';
import { compileRoutes } from '../../sidecar/routes/compile';

const ROOT = join(__dirname, '../..');
const PAGE = readFileSync(join(ROOT, 'docs/routes.md'), 'utf8');

describe('docs/routes.md', () => {
  it('says what the schema says (npm run docs writes it)', () => {
    // In a process of its own: prettier's loader needs what jest's sandbox does not give.
    const script = `require('./dist/dev/routes-doc.js').routesDoc().then((text) => process.stdout.write(text))`;
    expect(execFileSync(process.execPath, ['-e', script], { cwd: ROOT, encoding: 'utf8' })).toBe(PAGE);
  });

  it('describes every member of a route', () => {
    for (const [name, { description = '' }] of Object.entries(ROUTE_MEMBERS.shape)) {
      expect(description).not.toBe('');
      expect(PAGE).toMatch(new RegExp(`^\\| \`${name}\` +\\| .*[A-Z]`, 'm'));
    }
  });

  it('has a table to copy that is the built-in one, as ws-bridge routes prints it', () => {
    const [, copied = ''] = /```json\n([^]*?)```/.exec(PAGE) ?? [];
    expect(parseRoutes('docs/routes.md', copied)).toEqual(compileRoutes(DEFAULT_ROUTES));
    const bin = join(ROOT, 'dist/sidecar/bin/ws-bridge.js');
    const printed = execFileSync(process.execPath, [bin, 'routes'], { encoding: 'utf8' });
    expect(parseRoutes('ws-bridge routes', printed)).toEqual(compileRoutes(DEFAULT_ROUTES));
  });
});
