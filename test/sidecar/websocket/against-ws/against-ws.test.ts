import { env } from 'node:process';
import fc from 'fast-check';
import { LoopShares } from '../../../../sidecar/lib/loop-shares';
import { closeFrame } from '../../../../sidecar/websocket/control-frames';
import { COURSE, type Course } from './course';
import { isEnd, runCourse, type Outcome } from './run-course';
import { scarceShares, startOurs, startWs, type RecordingServer } from './servers';

/** So many clients are there at once. */
const CLIENTS = 8;
/** Enough to meet most kinds of course. BATCHES=3000 goes on for a quarter of an hour. */
const BATCHES = Number(env['BATCHES'] ?? 25);
const HOUR_MS = 3_600_000;

/** With these the server cuts a client that may still send. */
const CUTTING = ['!terminate', '!leave'].map((order) => `text ${Buffer.from(order).toString('hex')}`);
/** Close frames without a reason: the server found a fault (RFC 6455 §7.4.1). */
const CLOSED_FOR_FAULT = [1002, 1007, 1008, 1009].map((code) => closeFrame(code, '').toString('latin1'));

let theirs: RecordingServer;
beforeAll(async () => {
  theirs = await startWs();
});
afterAll(() => {
  theirs.close();
});

/** The outcomes of a course with our server, and with that of ws. */
interface Both {
  readonly course: Course;
  readonly ours: Outcome;
  readonly those: Outcome;
}

/** Whether all that the client sends is sure to arrive, so that no race decides about its end. */
function isCertain({ course: { ending }, ours, those }: Both): boolean {
  const isCut = ending === 'cut' || ending === 'reset';
  return !isCut && !CUTTING.some((order) => ours.told.includes(order) || those.told.includes(order));
}

/** @returns how what was told differs. It ends once, and where a race decides one may have come further before. */
function toldDifference(both: Both): readonly unknown[] | undefined {
  const { told } = both.ours;
  const those = both.those.told;
  if (told.findIndex(isEnd) !== told.length - 1) return [told.slice(told.findIndex(isEnd))];
  const same = told.findIndex((event, index) => event !== those[index]);
  if (same === -1 && told.length === those.length) return undefined;
  const at = same === -1 ? told.length : same;
  const isRace = !isCertain(both) && (at >= told.length - 1 || at >= those.length - 1);
  return isRace ? undefined : [at, told.slice(at, at + 3), those.slice(at, at + 3)];
}

/**
 * ws says a tick after it found a fault what that is. By then a client may have ended its side, and ws tells it nothing any
 * more. Ours tells it at once.
 */
function withoutFault(wire: string): string {
  const frame = CLOSED_FOR_FAULT.find((fault) => wire.endsWith(fault));
  return frame === undefined ? wire : wire.slice(0, -frame.length);
}

async function expectSame(shares: LoopShares, isWireRight: (both: Both) => boolean): Promise<void> {
  const ourServer = await startOurs(shares);
  const run = async (course: Course): Promise<Both> => {
    const [ours, those] = await Promise.all([runCourse(ourServer, course), runCourse(theirs, course)]);
    return { course, ours, those };
  };
  const property = fc.asyncProperty(
    fc.array(COURSE, { minLength: CLIENTS, maxLength: CLIENTS }),
    async (courses) => {
      for (const both of await Promise.all(courses.map(run))) {
        expect(toldDifference(both)).toBeUndefined();
        if (isCertain(both) && !isWireRight(both)) expect(both.ours.wire).toBe(both.those.wire);
      }
    },
  );
  try {
    // Each attempt at a smaller one would take as long as it did.
    await fc.assert(property, { numRuns: BATCHES, endOnFailure: true });
  } finally {
    ourServer.close();
  }
}

it(
  'whatever a client does on its TCP connection, it and the server’s side are told what they are with ws',
  () =>
    expectSame(LoopShares.uncut(), ({ ours, those }) =>
      [ours.wire, withoutFault(ours.wire)].includes(those.wire),
    ),
  HOUR_MS,
);

it(
  'where what a client sends waits for its tenant’s turn, at most the answers behind its FIN are missing',
  () =>
    expectSame(scarceShares(), ({ ours, those }) =>
      [ours.wire, withoutFault(ours.wire)].some((wire) => those.wire.startsWith(wire)),
    ),
  HOUR_MS,
);
