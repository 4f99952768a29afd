import { GivenUp } from '../../../sidecar/resume/given-up';
import { LingeringLogs } from '../../../sidecar/resume/lingering-logs';

const logOn = (...channels: readonly string[]) => ({ channels });

describe('replay logs that linger', () => {
  it('give up the channel of the one that was left first, of those that are still left', () => {
    const lingering = new LingeringLogs();
    const logs = ['a', 'b', 'c'].map((channel) => logOn(channel));
    for (const log of logs) lingering.add(log);
    expect(lingering.channelToFree(() => 1)).toBe('a');
    for (const log of logs.slice(0, 1)) lingering.remove(log);
    expect(lingering.channelToFree(() => 1)).toBe('b');
    for (const log of logs) lingering.remove(log);
    expect(lingering.channelToFree(() => 1)).toBeUndefined();
  });

  it('begin anew as the last when they were left again', () => {
    const lingering = new LingeringLogs();
    const [first, second] = [logOn('a'), logOn('b')];
    for (const log of [first, second]) lingering.add(log);
    lingering.remove(first);
    lingering.add(first);
    expect(lingering.channelToFree(() => 1)).toBe('b');
    lingering.remove(second);
    expect(lingering.channelToFree(() => 1)).toBe('a');
  });

  it('give up the one of several channels that nobody else hears', () => {
    const lingering = new LingeringLogs();
    lingering.add(logOn('tenant', 'user'));
    expect(lingering.channelToFree((channel) => (channel === 'user' ? 1 : 2))).toBe('user');
  });

  it('give up one that only they hear, and none that somebody else hears', () => {
    const lingering = new LingeringLogs();
    for (let count = 0; count < 3; count += 1) lingering.add(logOn('a'));
    expect(lingering.channelToFree(() => 4)).toBeUndefined();
    expect(lingering.channelToFree(() => 3)).toBe('a');
  });

  it('are looked at a bounded number at a time, and those that were passed over not before the others', () => {
    const lingering = new LingeringLogs();
    let looks = 0;
    for (let id = 0; id < 5000; id += 1) lingering.add(logOn('heard by others'));
    lingering.add(logOn('own'));
    const countMembers = (channel: string): number => {
      looks += 1;
      return channel === 'own' ? 1 : 5001;
    };
    const found = Array.from({ length: 6 }, () => lingering.channelToFree(countMembers));
    expect(found).toEqual([undefined, undefined, undefined, undefined, undefined, 'own']);
    expect(looks).toBe(5001);
  });
});

describe('replay logs that were given up', () => {
  it('are known by their owner, and by their epoch to their owner alone', () => {
    const givenUp = new GivenUp();
    givenUp.add({ owner: 'alice', epoch: 'e1' });
    expect(givenUp.has({ owner: 'alice' })).toBe(true);
    expect(givenUp.has({ owner: 'alice', epoch: 'e1' })).toBe(true);
    expect(givenUp.has({ owner: 'alice', epoch: 'e2' })).toBe(false);
    expect(givenUp.has({ owner: 'bob', epoch: 'e1' })).toBe(false);
    expect(givenUp.has({ owner: 'bob' })).toBe(false);
  });

  it('are forgotten when too many were given up since', () => {
    const givenUp = new GivenUp();
    for (let count = 0; count <= 10_000; count += 1) givenUp.add({ owner: `u${count}`, epoch: `e${count}` });
    expect([givenUp.has({ owner: 'u0' }), givenUp.has({ owner: 'u0', epoch: 'e0' })]).toEqual([false, false]);
    expect([givenUp.has({ owner: 'u1' }), givenUp.has({ owner: 'u1', epoch: 'e1' })]).toEqual([true, true]);
  });
});
