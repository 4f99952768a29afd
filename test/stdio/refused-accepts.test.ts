import { createServer } from 'node:net';
import { pino } from 'pino';
import { outliveRefusedAccepts } from '../../stdio/refused-accepts';

const EMFILE = new Error('accept EMFILE');

describe('a server that cannot accept connections', () => {
  it('outlives it, and tells of it once in half a minute, in the words of the system', () => {
    const lines: string[] = [];
    const log = pino({ level: 'error' }, { write: (line: string) => void lines.push(line) });
    let nowMs = 0;
    const server = createServer();
    outliveRefusedAccepts(server, log, () => nowMs);
    for (const at of [0, 1, 29_999, 30_000]) {
      nowMs = at;
      server.emit('error', EMFILE);
    }
    const told = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const expected = { level: 50, reason: 'accept EMFILE', msg: 'connections cannot be accepted' };
    expect(told).toEqual([expect.objectContaining(expected), expect.objectContaining(expected)]);
  });
});
