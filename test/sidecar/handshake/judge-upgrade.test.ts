import { DEFAULT_HEADER_NAMES } from '../../../protocol/headers';
import { importSecret } from '../../../protocol/keys';
import { judgeUpgrade } from '../../../sidecar/handshake/admission';
import type { ReplayVerdict } from '../../../sidecar/handshake/replay-guard';
import { upgradeRequestReader } from '../../../sidecar/handshake/upgrade-request';
import { RedisNames } from '../../../sidecar/redis/names';
import { compileRoutes } from '../../../sidecar/routes/compile';
import { DEFAULT_ROUTES } from '../../../sidecar/routes/route';
import { headersFor, SECRET } from '../fixture';

const NOW_MS = 1_800_000_000_000;
const HANDSHAKE = {
  Host: 'bridge',
  Upgrade: 'websocket',
  'Sec-WebSocket-Version': '13',
  'Sec-WebSocket-Key': 'dGhlIHNhbXBsZSBub25jZQ==',
};
const read = upgradeRequestReader(DEFAULT_HEADER_NAMES);

/** @returns the outcome of an upgrade in which nothing is wrong but what is said of its assertion */
async function outcomeWhen(verdict: ReplayVerdict | 'away'): Promise<string> {
  const headers = { ...HANDSHAKE, ...(await headersFor({ tenant: 'acme', user: 'alice' }, NOW_MS)) };
  const judged = await judgeUpgrade(
    read({ method: 'GET', url: '/ws/notifications', rawHeaders: Object.entries(headers).flat() }),
    {
      routes: compileRoutes(DEFAULT_ROUTES),
      names: new RedisNames(''),
      headers: DEFAULT_HEADER_NAMES,
      keys: [await importSecret(SECRET, 'HS256')],
      assertionPath: 'checked',
      assertionAccess: 'checked',
      replayGuard: { accept: () => Promise.resolve(verdict) },
      now: () => NOW_MS,
      monotonicMs: () => 0,
      newSession: () => 'session',
    },
  );
  return judged.admitted ? 'admitted' : judged.refusal.outcome;
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
