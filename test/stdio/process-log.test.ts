import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { describe, expect, it } from '@jest/globals';

const MODULE = join(__dirname, '../../dist/stdio/process-log.js');
const LINES = 20_000;

/** Logs 4 MB in turns, tells its parent when it is done, and ends when it is told to. */
const TALKER = `
const { log, droppedLines, settle } = require(${JSON.stringify(MODULE)}).processLog('info', { name: 'talker' });
let count = 0;
const talk = () => {
  for (let i = 0; i < 500; i += 1) log.info({ count: (count += 1), padding: 'x'.repeat(100) });
  if (count < ${LINES}) setImmediate(talk);
  else process.send({ dropped: droppedLines() });
};
process.once('message', () => {
  log.fatal({ dropped: droppedLines() }, 'the end');
  settle().then(() => process.exit(3));
});
talk();
`;

interface Line {
  readonly level: number;
  readonly msg?: string;
  readonly count?: number;
  readonly dropped?: number;
}

function talker(script = TALKER, stdout: 'pipe' | number = 'pipe'): ChildProcess {
  return spawn(process.execPath, ['-e', script], { stdio: ['ignore', stdout, 'pipe', 'ipc'] });
}

describe('the log of a process', () => {
  it('holds it up neither while nobody reads nor when it ends', async () => {
    const child = talker();
    const [{ dropped }] = (await once(child, 'message')) as [{ dropped: number }];
    expect(dropped).toBeGreaterThan(LINES / 4);
    child.send('end');
    expect(await once(child, 'exit')).toEqual([3, null]);
    child.stdout?.destroy();
  });

  it('says what is missing, where it is missing, once somebody reads again', async () => {
    const child = talker();
    const [{ dropped }] = (await once(child, 'message')) as [{ dropped: number }];
    const lines: Line[] = [];
    const read = createInterface({ input: child.stdout ?? process.stdin });
    for await (const line of read) {
      lines.push(JSON.parse(line) as Line);
      if (lines.at(-1)?.msg?.endsWith('were dropped') === true) break;
    }
    const notice = lines.pop();
    expect(notice).toMatchObject({
      level: 40,
      name: 'talker',
      dropped,
      msg: `${dropped} log lines were dropped`,
    });
    expect(lines.map(({ count }) => count)).toEqual(lines.map((_, index) => index + 1));
    expect(lines.length + dropped).toBe(LINES);
    const exit = once(child, 'exit');
    child.send('end');
    expect(await exit).toEqual([3, null]);
    child.stdout?.destroy();
  });

  it('loses no last line of a process that ends while somebody reads', async () => {
    const child = talker();
    const [out] = await Promise.all([
      text(child.stdout ?? process.stdin),
      once(child, 'message').then(() => child.send('end')),
    ]);
    expect(JSON.parse(out.trimEnd().split('\n').at(-1) ?? '')).toMatchObject({ level: 60, msg: 'the end' });
  });

  it('ends no process whose log nobody reads any more, which says so once', async () => {
    const child = talker();
    child.stdout?.destroy();
    const said = text(child.stderr ?? process.stdin);
    const [{ dropped }] = (await once(child, 'message')) as [{ dropped: number }];
    expect(dropped).toBeGreaterThan(LINES / 2);
    child.send('end');
    expect(await once(child, 'exit')).toEqual([3, null]);
    expect(await said).toMatch(
      /^talker: nobody reads the log any more \(write EPIPE\): its lines are dropped\n$/,
    );
  });

  it('ends no process whose disk is full', async () => {
    const full = openSync('/dev/full', 'w');
    const child = talker(TALKER, full);
    closeSync(full);
    const [{ dropped }] = (await once(child, 'message')) as [{ dropped: number }];
    // Those of the last turn are not written yet.
    expect(dropped).toBe(LINES - 500);
    child.send('end');
    expect(await once(child, 'exit')).toEqual([3, null]);
  });

  it('shows control characters that JSON leaves as they are', async () => {
    const reason = '\u009b31m\u007f\u202e\u2028é\n';
    const child = talker(
      `require(${JSON.stringify(MODULE)}).processLog('info', { name: 'talker' }).log.info({ reason: ${JSON.stringify(reason)} }); process.disconnect();`,
    );
    const out = await text(child.stdout ?? process.stdin);
    expect(out).toContain(String.raw`"reason":"\u009b31m\u007f\u202e\u2028é\n"`);
    expect(JSON.parse(out)).toMatchObject({ reason });
  });
});
