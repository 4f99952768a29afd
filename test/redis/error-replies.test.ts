import { DOUBT_INTERVAL_MS, errorReplies, REOPEN_INTERVAL_MS } from '../../redis/error-replies';
import { REASON_OVER_MS } from '../../redis/told-reasons';

const lines: string[] = [];
const listener = {
  refused: (reason: string, command?: string) => void lines.push(`${command ?? ''}: ${reason}`),
  over: (reason: string) => void lines.push(`over: ${reason}`),
};
const reply = (message: string, name = 'eval') => ({ message, command: { name } });
let nowMs = 0;

beforeEach(() => {
  jest.useFakeTimers();
  lines.length = 0;
  nowMs = 0;
});
afterEach(() => {
  jest.useRealTimers();
});

describe('errors that Redis answers with', () => {
  it.each([
    'OOM command not allowed when used memory > maxmemory',
    'MISCONF Redis is configured to save RDB snapshots',
    'NOPERM User has no permissions',
    'CLUSTERDOWN The cluster is down',
    'BUSY Redis is busy running a script',
    'WRONGTYPE Operation against a key',
    'ERR max number of clients reached',
  ])('are told once, with the words of Redis, and no connection is given up: %s', (message) => {
    const judge = errorReplies(listener, () => nowMs);
    expect([judge(reply(message)), judge(reply(message))]).toEqual([false, false]);
    expect(lines).toEqual([`eval: ${message}`]);
  });

  it.each(['READONLY You cannot write against a replica', 'MASTERDOWN Link with MASTER is down'])(
    'of a server that is no master give the connection up, at most once a second: %s',
    (message) => {
      const judge = errorReplies(listener, () => nowMs);
      const first = [judge(reply(message)), judge(reply(message))];
      nowMs += REOPEN_INTERVAL_MS;
      expect([...first, judge(reply(message))]).toEqual([true, false, true]);
    },
  );

  it.each(['LOADING Redis is loading the dataset in memory', 'NOREPLICAS Not enough good replicas to write'])(
    'of a server that may have been left for another master give the connection up, more seldom: %s',
    (message) => {
      const judge = errorReplies(listener, () => nowMs);
      const first = [judge(reply(message)), judge(reply(message))];
      nowMs += DOUBT_INTERVAL_MS - 1;
      first.push(judge(reply(message)));
      nowMs += 1;
      expect([...first, judge(reply(message))]).toEqual([true, false, false, true]);
    },
  );

  it.each([
    'NOSCRIPT No matching script',
    'MOVED 1 127.0.0.1:1',
    'ASK 1 127.0.0.1:1',
    'TRYAGAIN Multiple keys',
  ])('that are part of the work are not told: %s', (message) => {
    expect(errorReplies(listener, () => nowMs)(reply(message))).toBe(false);
    expect(lines).toEqual([]);
  });

  it('are told to be over when none came for a while, and told again after that', () => {
    const judge = errorReplies(listener, () => nowMs);
    judge(reply('OOM x'));
    nowMs += REASON_OVER_MS;
    jest.advanceTimersByTime(REASON_OVER_MS);
    judge(reply('OOM x'));
    expect(lines).toEqual(['eval: OOM x', 'over: OOM x', 'eval: OOM x']);
  });

  it('of different kinds are each told', () => {
    const judge = errorReplies(listener, () => nowMs);
    for (const message of ['OOM 1', 'NOPERM a', 'OOM 2', 'NOPERM b']) judge(reply(message));
    expect(lines).toEqual(['eval: OOM 1', 'eval: NOPERM a']);
  });

  it('for want of a right are told for each command, since who gives one right would not hear of the next', () => {
    const judge = errorReplies(listener, () => nowMs);
    const mayNotRun = (name: string) =>
      judge(reply(`NOPERM this user has no permissions to run the '${name}' command`, name));
    const mayNotAccess = (name: string) =>
      judge(reply('NOPERM this user has no permissions to access one of the keys used as arguments', name));
    for (let round = 0; round < 2; round += 1) {
      mayNotRun('evalsha');
      mayNotRun('exists');
      mayNotAccess('evalsha');
    }
    expect(lines).toEqual([
      "evalsha: NOPERM this user has no permissions to run the 'evalsha' command",
      "exists: NOPERM this user has no permissions to run the 'exists' command",
      'evalsha: NOPERM this user has no permissions to access one of the keys used as arguments',
    ]);
  });
});
