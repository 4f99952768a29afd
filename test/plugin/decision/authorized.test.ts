import { describe, expect, it } from '@jest/globals';
import type { Asks } from '../../../plugin/authorization/judge';
import type { Answer, Question } from '../../../plugin/authorization/question';
import {
  AuthorizationUnavailableError,
  type AuthorizationService,
} from '../../../plugin/authorization/service';
import { parseConfig } from '../../../plugin/config/parse';
import { judgeByAsking, judgeKnown } from '../../../plugin/decision/authorized';
import { rightsFrom } from '../../../plugin/token/rights';
import { rawConfig } from '../fixture';

const NOW = 1_700_000_000;
const PATH = '/ws/bi/dashboards/7';
const RULE = { paths: ['/ws/bi/dashboards/{id}'] };
const ALLOWS: Answer = { isAllowed: true, access: undefined };

/** A service that says this to each question, and keeps how long each token is still good. */
class SayingService implements AuthorizationService {
  readonly validSeconds: number[] = [];
  readonly asked: string[] = [];
  answer: Answer | Error = ALLOWS;
  remembered: Answer | undefined;
  isShutNow = false;

  known(): Answer | undefined {
    return this.remembered;
  }

  isShut(): boolean {
    return this.isShutNow;
  }

  ask({ url }: Question, _requestId: string, validSeconds: number): Promise<Answer> {
    this.asked.push(url);
    this.validSeconds.push(validSeconds);
    return this.answer instanceof Error ? Promise.reject(this.answer) : Promise.resolve(this.answer);
  }
}

async function upgradeBy(
  service: SayingService,
  exp: number,
  rules: object[] = [{ ...RULE, url: 'http://opa/a' }],
) {
  const { config } = await parseConfig(rawConfig({ authorization: rules }));
  const identity = { tenantId: 'acme', userId: 'u1', roles: [] };
  const rights = rightsFrom({}, config.token);
  const token = { identity, jti: undefined, exp, tier: undefined, consumer: undefined, rights };
  const told: { rule?: string } = {};
  const upgrade = { authorization: config.authorization, service, path: PATH, token, told };
  return {
    told,
    known: () => judgeKnown(upgrade),
    asking: (asks: Asks) => judgeByAsking(upgrade, asks, 'r1', NOW),
    judged: async () => {
      const known = judgeKnown(upgrade);
      return known.isGranted ? known : judgeByAsking(upgrade, known, 'r1', NOW);
    },
  };
}

describe('a question of a rule', () => {
  it('says for how many seconds the token is still good', async () => {
    const service = new SayingService();
    const { judged } = await upgradeBy(service, NOW + 90);
    expect(await judged()).toEqual({ isGranted: true, access: 'write' });
    expect(service.validSeconds).toEqual([90]);
  });

  it('is not asked where an equal upgrade was answered meanwhile', async () => {
    const service = new SayingService();
    const { known, asking } = await upgradeBy(service, NOW + 90);
    const asks = known();
    if (asks.isGranted !== undefined) throw new Error('expected a question');
    service.remembered = ALLOWS;
    expect(await asking(asks)).toEqual({ isGranted: true, access: 'write' });
    expect(known()).toEqual({ isGranted: true, access: 'write' });
    expect(service.asked).toEqual([]);
  });

  it('is not asked of a service that is not asked at present, which is a 503 that names the rule', async () => {
    const service = new SayingService();
    service.isShutNow = true;
    const { told, known } = await upgradeBy(service, NOW + 90);
    expect(known).toThrow(
      expect.objectContaining({ code: 'authorization_unavailable', headers: { 'Retry-After': '1' } }),
    );
    expect(told.rule).toBe('authorization[0].url');
  });

  it('that finds no decision is a 503, and one that is refused a 403', async () => {
    const service = new SayingService();
    const { told, judged } = await upgradeBy(service, NOW + 90);
    service.answer = new AuthorizationUnavailableError('ECONNREFUSED');
    await expect(judged()).rejects.toMatchObject({ code: 'authorization_unavailable', status: 503 });
    service.answer = { isAllowed: false };
    await expect(judged()).rejects.toMatchObject({ code: 'not_authorized', status: 403 });
    expect(told.rule).toBe('authorization[0].url');
  });

  it('that fails in another way is a fault of the gatekeeper, and lets nobody in', async () => {
    const service = new SayingService();
    service.answer = new TypeError('a fault');
    await expect((await upgradeBy(service, NOW + 90)).judged()).rejects.toThrow(TypeError);
  });
});
