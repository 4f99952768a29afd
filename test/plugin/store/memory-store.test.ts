import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { Redis } from 'ioredis';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Rate } from '../../../plugin/config/config';
import { emissionIntervalUs, gcra } from '../../../plugin/store/gcra';
import type { AppliedLimit } from '../../../plugin/store/limits';
import { memoryStore } from '../../../plugin/store/memory-store';
import { startRedis, type RedisServer } from '../../fakes/redis-server';

const rateOf = fc.record({
  limit: fc.integer({ min: 1, max: 50 }),
  windowSeconds: fc.integer({ min: 1, max: 60 }),
  burst: fc.nat(20),
});
const applied = (key: string, rate: Rate): AppliedLimit => ({ key, slot: '{t}', rate });

describe('a limit in memory', () => {
  it('admits no more than limit + burst in any window, under any interleaving of calls and any forward clock', async () => {
    await fc.assert(
      fc.asyncProperty(rateOf, fc.array(fc.nat(3_000_000), { maxLength: 300 }), async (rate, steps) => {
        let now = 1e15;
        const store = memoryStore(() => now);
        const admitted: number[] = [];
        for (const step of steps) {
          now += step % 3 === 0 ? 0 : step;
          const { admitted: yes } = await store.ask({
            limits: [applied('k', rate)],
            revocationKey: undefined,
          });
          if (yes) admitted.push(now);
        }
        const window = rate.windowSeconds * 1e6;
        for (const start of admitted) {
          const inWindow = admitted.filter((time) => time >= start && time < start + window);
          expect(inWindow.length).toBeLessThanOrEqual(rate.limit + rate.burst);
        }
      }),
    );
  });

  it('is charged nothing by a dry run, which is answered as the upgrade would be', async () => {
    const store = memoryStore(() => 1e15);
    const ask = (isDryRun: boolean) =>
      store.ask({
        limits: [applied('k', { limit: 1, windowSeconds: 60, burst: 0 })],
        revocationKey: undefined,
        isDryRun,
      });
    const answers = [await ask(true), await ask(true), await ask(false), await ask(true), await ask(false)];
    expect(answers.map(({ admitted }) => admitted)).toEqual([true, true, true, false, false]);
  });

  it('with pages admits, in any window, no more upgrades than those of the pages that it may charge', async () => {
    const pageRule = fc.record({
      seconds: fc.integer({ min: 1, max: 60 }),
      upgrades: fc.integer({ min: 2, max: 5 }),
    });
    const step = fc.record({ pause: fc.nat(3_000_000), user: fc.nat(2), path: fc.nat(6) });
    await fc.assert(
      fc.asyncProperty(rateOf, pageRule, fc.array(step, { maxLength: 300 }), async (rate, page, steps) => {
        let now = 1e15;
        const store = memoryStore(() => now);
        const admitted: { readonly at: number; readonly path: number }[] = [];
        for (const { pause, user, path } of steps) {
          now += pause % 3 === 0 ? 0 : pause;
          const of = { key: `u${user}`, path: `p${path}`, lifetimeMs: page.seconds * 1000 };
          const limits = [{ ...applied('k', rate), page: { ...of, maxUpgrades: page.upgrades } }];
          if ((await store.ask({ limits, revocationKey: undefined })).admitted)
            admitted.push({ at: now, path });
        }
        const window = rate.windowSeconds * 1e6;
        // A window has the pages that were charged in it, and those that are open when it begins.
        const before = Math.ceil((page.seconds * 1e6) / emissionIntervalUs(rate));
        const charges = rate.limit + rate.burst + before;
        for (const { at: start } of admitted) {
          const inWindow = admitted.filter(({ at }) => at >= start && at < start + window);
          expect(inWindow.length).toBeLessThanOrEqual(page.upgrades * charges);
        }
      }),
    );
  });

  it('with pages gives a client in a loop nothing more', async () => {
    const page = { key: 'u', path: 'p', lifetimeMs: 10_000, maxUpgrades: 4 };
    await fc.assert(
      fc.asyncProperty(rateOf, fc.array(fc.nat(3_000_000), { maxLength: 200 }), async (rate, pauses) => {
        let now = 1e15;
        const [withPages, without] = [memoryStore(() => now), memoryStore(() => now)];
        for (const pause of pauses) {
          now += pause;
          const limit = applied('k', rate);
          const answers = [
            await withPages.ask({ limits: [{ ...limit, page }], revocationKey: undefined }),
            await without.ask({ limits: [limit], revocationKey: undefined }),
          ];
          expect(answers[0]).toEqual(answers[1]);
        }
      }),
    );
  });

  it('never refuses an idle tenant, also after a clock that jumped either way', async () => {
    await fc.assert(
      fc.asyncProperty(
        rateOf,
        fc.nat(100),
        fc.integer({ min: -1e12, max: 1e12 }),
        async (rate, before, jump) => {
          let now = 1e15;
          const store = memoryStore(() => now);
          const ask = () => store.ask({ limits: [applied('k', rate)], revocationKey: undefined });
          for (let i = 0; i < before; i += 1) await ask();
          now += jump;
          await ask();
          // Idle until everything it used is given back.
          now += emissionIntervalUs(rate) * (rate.burst + 1);
          expect((await ask()).admitted).toBe(true);
        },
      ),
    );
  });

  it('keeps the least recently used ones out when there are too many', async () => {
    const store = memoryStore(() => 1e15, 2);
    const rate = { limit: 1, windowSeconds: 60, burst: 0 };
    const ask = async (key: string) =>
      (await store.ask({ limits: [applied(key, rate)], revocationKey: undefined })).admitted;
    expect([await ask('a'), await ask('b'), await ask('b'), await ask('c'), await ask('a')]).toEqual([
      true,
      true,
      false,
      true,
      true,
    ]);
  });
});

describe('the twins gcra.ts and gcra.lua', () => {
  let server: RedisServer;
  let redis: Redis;
  beforeAll(async () => {
    server = await startRedis();
    redis = new Redis(server.url);
  });
  afterAll(async () => {
    redis.disconnect();
    await server.stop();
  });

  it('say the same of the same state and time', async () => {
    // The script with this clock instead of Redis's own.
    const lua = readFileSync(join(__dirname, '../../../plugin/store/gcra.lua'), 'utf8').replace(
      "local time = redis.call('TIME')\nlocal now = tonumber(time[1]) * 1000000 + tonumber(time[2])",
      'local now = 1800000000000000',
    );
    expect(lua).not.toContain('TIME');
    const now = 1_800_000_000_000_000;
    const limit = fc.tuple(rateOf, fc.option(fc.integer({ min: -1e8, max: 1e8 }), { nil: undefined }));
    await fc.assert(
      fc.asyncProperty(fc.array(limit, { minLength: 1, maxLength: 4 }), async (limits) => {
        const rates = limits.map(([rate]) => rate);
        const tats = limits.map(([, offset]) => (offset === undefined ? undefined : now + offset));
        await redis.flushall();
        const keys = limits.map((_, i) => `{t}:${i}`);
        for (const [i, tat] of tats.entries())
          if (tat !== undefined) await redis.set(keys[i] ?? '', String(tat));
        const args = rates.flatMap((rate) => [emissionIntervalUs(rate), rate.burst]);
        // In one moment: what expires soon is gone when it is asked for later.
        const answers = await redis
          .multi()
          .eval(lua, keys.length, ...keys, 1, keys.length, args.length, ...args)
          .mget(keys)
          .exec();
        const [reply, written] = (answers ?? []).map(([, answer]) => answer);
        const expected = gcra(rates, tats, now);
        const figures = expected.states.flatMap((state) => [
          state.remaining,
          state.retryAfterUs,
          state.resetUs,
        ]);
        expect(reply).toEqual([[expected.admitted ? 1 : 0, ...figures]]);
        if (expected.admitted) expect(written).toEqual(expected.tats.map(String));
      }),
      { numRuns: 300 },
    );
  });
});
