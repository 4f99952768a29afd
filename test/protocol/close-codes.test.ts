import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from '@jest/globals';
import { CLOSE_CODES } from '../../protocol/close-codes';

const table = readFileSync(join(__dirname, '../../PROTOCOL.md'), 'utf8').split('## 4. Close codes')[1] ?? '';
const documented = [...table.matchAll(/^\| (\d{4}) \| ([^|]+?) +\| ([^|]+?) +\|/gm)].map(
  ([, code, name, meaning]) => ({
    code: Number(code),
    name,
    meaning,
  }),
);

describe('the close codes', () => {
  it('are those of PROTOCOL.md, no more and no fewer', () => {
    expect(documented).toEqual(
      Object.values(CLOSE_CODES).map(({ code, name, meaning }) => ({ code, name, meaning })),
    );
  });

  it('are codes that an endpoint may send (RFC 6455 §7.4)', () => {
    for (const { code } of Object.values(CLOSE_CODES)) {
      expect(code).toBeGreaterThanOrEqual(1000);
      expect(code).toBeLessThan(5000);
      expect([1004, 1005, 1006, 1015]).not.toContain(code);
    }
  });
});
