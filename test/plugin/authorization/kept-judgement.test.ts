import { expect, it } from '@jest/globals';
import fc from 'fast-check';
import { judge } from '../../../plugin/authorization/judge';
import { keptJudgement, MAX_KEPT_PATH_LENGTH } from '../../../plugin/authorization/kept-judgement';
import type { Authorization } from '../../../plugin/config/authorization';
import { parseConfig } from '../../../plugin/config/parse';
import type { VerifiedToken } from '../../../plugin/token/verify';
import { rawConfig } from '../fixture';

const PATHS = ['/ws/notes/1', '/ws/notes/2', '/ws/boards/1', `/ws/notes/${'1'.repeat(MAX_KEPT_PATH_LENGTH)}`];
const RULES = [
  [],
  [{ paths: ['/ws/notes/{id}'], roles: ['editor'] }],
  [{ paths: ['/ws/notes/{id}'], claim: ['roles'], values: ['note:{id}'], access: 'read' }],
];

async function compiled(rules: readonly object[]): Promise<Authorization> {
  const { config } = await parseConfig(rawConfig({ authorization: rules }));
  return config.authorization;
}

function tokenOf(...roles: string[]): VerifiedToken {
  return {
    ...{ identity: { tenantId: 'acme', userId: 'u1', roles }, jti: undefined, exp: 0 },
    ...{ tier: undefined, consumer: undefined, rights: { claims: [roles], details: [] } },
  };
}

it('what is kept is the judgement of that token, those rules and that path, in any order of them', async () => {
  const rules = await Promise.all(RULES.map(compiled));
  const order = fc.array(fc.tuple(fc.nat(2), fc.nat(3), fc.nat(2)), { minLength: 1, maxLength: 30 });
  fc.assert(
    fc.property(order, (asked) => {
      const tokens = [tokenOf('editor'), tokenOf('note:1'), tokenOf()];
      for (const [which, path, whose] of asked) {
        const [authorization, wanted, token] = [rules[which], PATHS[path], tokens[whose]];
        if (authorization === undefined || wanted === undefined || token === undefined) throw new Error();
        expect(keptJudgement(authorization, wanted, token)).toEqual(judge(authorization, wanted, token));
      }
    }),
  );
});

it('a judgement is kept until its token asks for another path, and none of a long path', async () => {
  const rules = await compiled(RULES[1] ?? []);
  const token = tokenOf();
  const [notes = '', others = '', , long = ''] = PATHS;
  const first = keptJudgement(rules, notes, token);
  expect(keptJudgement(rules, notes, token)).toBe(first);
  const second = keptJudgement(rules, others, token);
  expect(second).not.toBe(first);
  expect(keptJudgement(rules, notes, token)).not.toBe(first);
  expect(keptJudgement(rules, long, token)).not.toBe(keptJudgement(rules, long, token));
});
