import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { readAnswer } from '../../../plugin/authorization/answer';
import type { Answer } from '../../../plugin/authorization/question';

const allowed: Answer = { isAllowed: true, access: undefined };
const refused: Answer = { isAllowed: false };

describe('the response of an authorization service', () => {
  it.each<[status: number, body: unknown, answer: Answer]>([
    [200, true, allowed],
    [201, { allow: true }, allowed],
    [200, { allow: true, access: 'read' }, { isAllowed: true, access: 'read' }],
    [200, { allow: true, access: 'write', reason: 'own' }, { isAllowed: true, access: 'write' }],
    [200, { result: true }, allowed],
    [200, { result: { allow: true, access: 'read' }, decision_id: 'x' }, { isAllowed: true, access: 'read' }],
    [200, false, refused],
    [200, { allow: false }, refused],
    [200, { allow: false, access: 'write' }, refused],
    [200, { result: false }, refused],
    [200, { result: { allow: false } }, refused],
    [403, true, refused],
    [403, 'Forbidden', refused],
  ])('%i %j is an answer', (status, body, answer) => {
    expect(readAnswer(status, JSON.stringify(body))).toEqual(answer);
  });

  it('is no answer unless it says true or false in so many words', () => {
    const word = fc.constantFrom('allow', 'result', 'access', 'Allow', '__proto__', 'length');
    const value = fc.letrec((tie) => ({
      any: fc.oneof(
        { depthSize: 'small' },
        fc.constantFrom(true, false, null, 0, 1, '', 'true', 'read', 'write'),
        fc.array(tie('any'), { maxLength: 2 }),
        fc.dictionary(word, tie('any'), { maxKeys: 3 }),
      ),
    })).any;
    const status = fc.constantFrom(100, 199, 200, 204, 299, 300, 301, 400, 401, 404, 500);
    const seen = { allowed: 0, refused: 0, neither: 0 };
    fc.assert(
      fc.property(status, value, (code, said) => {
        const text = JSON.stringify(said);
        const found = answered(code, text);
        seen[found === undefined ? 'neither' : found.isAllowed ? 'allowed' : 'refused'] += 1;
        expect(found).toEqual(naively(code, text));
      }),
      { numRuns: 5000 },
    );
    for (const count of Object.values(seen)) expect(count).toBeGreaterThan(20);
  });
});

function answered(status: number, body: string): Answer | undefined {
  try {
    return readAnswer(status, body);
  } catch {
    return undefined;
  }
}

/** By the spelling alone: each text that is an answer, and nothing else. */
function naively(status: number, body: string): Answer | undefined {
  if (Math.floor(status / 100) !== 2) return undefined;
  const top = membersOf(body);
  const inner =
    top?.has('result') === true && !top.has('allow') ? top.get('result') : top?.has('result') ? '' : body;
  if (inner === 'true') return { isAllowed: true, access: undefined };
  if (inner === 'false') return { isAllowed: false };
  const members = membersOf(inner ?? '');
  if (members?.get('allow') === 'false') return { isAllowed: false };
  if (members?.get('allow') !== 'true') return undefined;
  const access = members.get('access');
  if (access === undefined) return { isAllowed: true, access: undefined };
  if (access === '"read"') return { isAllowed: true, access: 'read' };
  return access === '"write"' ? { isAllowed: true, access: 'write' } : undefined;
}

function membersOf(text: string): Map<string, string> | undefined {
  if (!text.startsWith('{')) return undefined;
  const entries = Object.entries(JSON.parse(text) as object).map(([name, member]): [string, string] => [
    name,
    JSON.stringify(member),
  ]);
  return new Map(entries);
}
