import { afterAll, beforeAll, describe, expect, it } from '@jest/globals';
import type { Redis } from 'ioredis';
import { AnswerRecords } from '../../../service/src/answers/answer-records';
import { ServiceNames } from '../../../service/src/redis/names';
import { until } from '../../fault/until';
import { TOPOLOGIES, type Topology } from '../fixture';

const STREAM = 'ai:commands';
let entries = 0;

describe.each(['one server', 'a cluster'])('the record of an answer on %s', (name) => {
  let topology: Topology;
  let records: AnswerRecords;

  beforeAll(async () => {
    const started = await TOPOLOGIES[name]?.();
    if (started === undefined) throw new Error(`no topology ${name}`);
    topology = started;
    records = new AnswerRecords(topology.redis, new ServiceNames(''), STREAM, 'ai', 5000);
  }, 60_000);
  afterAll(() => topology.stop());

  /** The same command, as one worker and then others have it. */
  function deliveries(addedMs = Date.now()) {
    entries += 1;
    const entryId = `${addedMs}-${entries}`;
    const channel = `ai:stream:r${entries}`;
    return { channel, of: (fence: number) => ({ channel, delivery: { entryId, fence, fields: [] } }) };
  }

  it('says how often the answer was begun, and the same when it is asked again', async () => {
    const { of } = deliveries();
    expect(await records.begin(of(1))).toBe(1);
    expect(await records.begin(of(1))).toBe(1);
    expect(await records.begin(of(2))).toBe(2);
    expect(await records.begin(of(4))).toBe(3);
    expect(await records.begin(of(4))).toBe(3);
  });

  it('takes one that was delivered before and not begun for a first one', async () => {
    expect(await records.begin(deliveries().of(3))).toBe(1);
  });

  it('takes one for begun that is older than a record is kept, and was delivered before', async () => {
    const dayBeforeMs = Date.now() - 2 * 86_400_000;
    expect(await records.begin(deliveries(dayBeforeMs).of(2))).toBe(2);
    expect(await records.begin(deliveries(dayBeforeMs).of(1))).toBe(1);
  });

  it('lets nobody begin or end who has it by an earlier delivery', async () => {
    const { channel, of } = deliveries();
    const heard = await topology.hear(channel);
    await records.begin(of(1));
    await records.begin(of(2));
    expect(await records.begin(of(1))).toBe('lost');
    expect(await records.end(of(1), 'early')).toEqual({ isMine: false, isOpen: false });
    expect((await records.end(of(2), 'late')).isMine).toBe(true);
    await until(() => heard.length > 0);
    expect(heard).toEqual(['late']);
  });

  it('ends an answer once, whoever tries', async () => {
    const { channel, of } = deliveries();
    const heard = await topology.hear(channel);
    await records.begin(of(1));
    const isOpen = name === 'a cluster';
    expect(await records.end(of(1), 'end')).toEqual({ isMine: true, isOpen });
    expect(await records.end(of(1), 'end')).toEqual({ isMine: false, isOpen });
    expect(await records.end(of(2), 'other')).toEqual({ isMine: false, isOpen });
    expect(await records.begin(of(3))).toBe('ended');
    expect((await records.end(deliveries().of(1), 'not begun')).isMine).toBe(true);
    await until(() => heard.length > 0);
    expect(heard).toEqual(['end']);
  });
});

describe('the record of an answer', () => {
  it('has not ended while Redis refuses the last frame', async () => {
    const topology = await TOPOLOGIES['one server']?.();
    if (topology === undefined) throw new Error('no topology');
    const { redis } = topology;
    await redis.call('ACL', 'SETUSER', 'deaf', 'on', '>secret', '~*', '+@all', 'resetchannels');
    const deaf = (redis as Redis).duplicate({ username: 'deaf', password: 'secret' });
    const records = new AnswerRecords(deaf, new ServiceNames(''), STREAM, 'ai', 5000);
    const heard = await topology.hear('ai:stream:s1');
    const delivery = { entryId: `${Date.now()}-1`, fence: 1, fields: [] };
    const place = { channel: 'ai:stream:s1', delivery };
    await records.begin(place);
    // Redis up to 7.0, and later ones and Valkey.
    const denied = /can't publish|access a channel/;
    await expect(records.end(place, 'end')).rejects.toThrow(denied);
    await expect(records.end(place, 'end')).rejects.toThrow(denied);
    expect(await records.begin(place)).toBe(1);
    await redis.call('ACL', 'SETUSER', 'deaf', '&ai:stream:*');
    expect((await records.end(place, 'end')).isMine).toBe(true);
    await until(() => heard.length > 0);
    expect(heard).toEqual(['end']);
    deaf.disconnect();
    await topology.stop();
  });
});
