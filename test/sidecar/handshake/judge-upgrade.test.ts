import type { AdmissionPolicy } from '../../../sidecar/handshake/admission';
import type { ReplayVerdict } from '../../../sidecar/handshake/replay-guard';
import { judge, NOW_MS, type Asked } from './judging';
import { cpuTimeMs } from '../../fakes/cpu-time';

/** @returns the outcome of an upgrade in which nothing is wrong but what is said of its assertion */
async function outcomeWhen(verdict: ReplayVerdict | 'away'): Promise<string> {
  const judged = await judge({}, { replayGuard: { accept: () => Promise.resolve(verdict) } });
  return 'outcome' in judged ? judged.outcome : 'admitted';
}

describe('an upgrade whose assertion another process tells of', () => {
  it.each([
    ['first', 'admitted'],
    ['replayed', 'unauthorized'],
    ['ended', 'unauthorized'],
    ['full', 'full'],
    ['away', 'unavailable'],
  ] as const)('that says "%s" comes to "%s"', async (verdict, outcome) => {
    expect(await outcomeWhen(verdict)).toBe(outcome);
  });

  it.each(['', 'First', 'last', 'constructor', '__proto__'])(
    'is refused when the word is "%s", which it does not know',
    async (word) => {
      expect(await outcomeWhen(word as ReplayVerdict)).toBe('unavailable');
    },
  );
});

it('an upgrade whose query names thousands of others, which are not decoded, is judged as soon as any', async () => {
  const url = `/ws/ai/chat?${'%ff&'.repeat(200_000)}session=s1`;
  const judged = async (): Promise<void> => {
    expect(await judge({ url })).toMatchObject({ session: 's1' });
  };
  expect(await cpuTimeMs(judged)).toBeLessThan(1_000);
});

it('an assertion is to be remembered until no clock takes it any more, in seconds of both clocks', async () => {
  const asked: (string | number)[][] = [];
  const replayGuard = {
    accept: (...all: [id: string, endsAt: number, nowS: number, monotonicS: number]) => {
      asked.push(all);
      return 'first' as const;
    },
  };
  await judge({}, { replayGuard, monotonicMs: () => 7000 });
  // It lives for 30 seconds, and clocks may differ by 5.
  expect(asked).toEqual([[expect.any(String), NOW_MS / 1000 + 35, NOW_MS / 1000, 7]]);
});

it.each<[string, Asked, Partial<AdmissionPolicy>, number]>([
  ['a path that no route has', { url: '/nowhere' }, {}, 404],
  ['a path that is no UTF-8', { url: '/ws/collaboration/%FF' }, {}, 400],
  ['no assertion', { headers: { 'X-Gateway-Assertion': undefined } }, {}, 401],
  ['a forged tenant', { headers: { 'X-Tenant-ID': 'other' } }, {}, 401],
  ['an assertion for another path', { caller: { path: '/ws/other' } }, {}, 401],
  ['an assertion for every path where it needs one', {}, { assertionPath: 'required' }, 401],
  ['an assertion without an access where it needs one', {}, { assertionAccess: 'required' }, 401],
  ['a malformed session', { url: '/ws/ai/chat?session=a.b' }, {}, 400],
  ['a malformed resume point', { url: '/ws/notifications?resume=1', purpose: 'http' }, {}, 400],
])('an upgrade with %s does not use its assertion up', async (_, asked, policy, status) => {
  const accept = jest.fn(() => 'first' as const);
  expect(await judge(asked, { ...policy, replayGuard: { accept } })).toMatchObject({ status });
  expect(accept).not.toHaveBeenCalled();
});

it.each<[string, Asked, Partial<AdmissionPolicy>]>([
  ['its path where it needs one', { caller: { path: '/ws/notifications' } }, { assertionPath: 'required' }],
  ['an access where it needs one', { caller: { access: 'read' } }, { assertionAccess: 'required' }],
])('an upgrade whose assertion names %s is admitted', async (_, asked, policy) => {
  expect(await judge(asked, policy)).toMatchObject({ path: '/ws/notifications' });
});
