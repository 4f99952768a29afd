import { frameOf } from '../../../sidecar/fanout/frame';
import { DeliveryProbe, PROBE_GRACE_MS } from '../../../sidecar/pubsub/delivery-probe';
import type { ProbeOutcome } from '../../../sidecar/metrics/outcomes';

const INTERVAL_MS = 5000;
const TIMEOUT_MS = 2000;
/** When one that is not heard has failed: to the fake clock an immediate is a millisecond. */
const SILENT_MS = TIMEOUT_MS + PROBE_GRACE_MS + 1;

let probe: DeliveryProbe;
let published: string[];
let silences: number;
let outcomes: [ProbeOutcome, number | undefined][];
let publish: (message: string) => Promise<unknown>;

beforeEach(() => {
  jest.useFakeTimers();
  published = [];
  silences = 0;
  outcomes = [];
  publish = () => Promise.resolve();
  probe = new DeliveryProbe({
    publish: (message) => {
      published.push(message);
      return publish(message);
    },
    onSilence: () => (silences += 1),
    onOutcome: (outcome, seconds) => outcomes.push([outcome, seconds]),
    intervalMs: INTERVAL_MS,
    timeoutMs: TIMEOUT_MS,
  });
  probe.start();
});
afterEach(() => {
  probe.stop();
  jest.useRealTimers();
});

/** The bridge hears a published message. */
function hear(message = published.at(-1) ?? ''): void {
  probe.deliver(frameOf(Buffer.from(message), false));
}

function pass(ms: number): Promise<void> {
  return jest.advanceTimersByTimeAsync(ms);
}

describe('a probe', () => {
  it('tells what came of it, and how long it took to be heard', async () => {
    probe.up();
    await pass(250);
    hear();
    await pass(INTERVAL_MS + SILENT_MS);
    publish = () => Promise.reject(new Error('no'));
    await pass(INTERVAL_MS);
    expect(outcomes).toEqual([
      ['heard', 0.25],
      ['silent', undefined],
      ['unsent', undefined],
    ]);
  });

  it('that was heard is heard, though the answer to publishing it is lost', async () => {
    publish = () =>
      pass(1).then(() => {
        throw new Error('Connection is closed.');
      });
    probe.up();
    hear();
    await pass(10);
    expect([probe.delivers, outcomes.map(([outcome]) => outcome)]).toEqual([true, ['heard']]);
  });

  it('is sent as soon as the channel is subscribed, then once an interval', async () => {
    await pass(2 * INTERVAL_MS);
    expect(published).toEqual([]);
    probe.up();
    expect(published).toEqual(['1']);
    hear();
    await pass(INTERVAL_MS);
    expect(published).toEqual(['1', '2']);
  });

  it('that is heard proves delivery until one is not', async () => {
    probe.up();
    expect(probe.delivers).toBe(false);
    hear();
    await pass(SILENT_MS);
    expect([probe.delivers, silences]).toEqual([true, 0]);
    await pass(INTERVAL_MS - SILENT_MS);
    expect(probe.delivers).toBe(true);
    await pass(SILENT_MS - 1);
    expect([probe.delivers, silences]).toEqual([true, 0]);
    await pass(1);
    expect([probe.delivers, silences]).toEqual([false, 1]);
  });

  it('is not proven by an older one, by another message, or by one that came too late', async () => {
    probe.up();
    await pass(SILENT_MS);
    hear('1');
    expect(probe.delivers).toBe(false);
    await pass(INTERVAL_MS - SILENT_MS);
    for (const message of ['1', '', '02', 'x']) hear(message);
    expect([probe.delivers, published]).toEqual([false, ['1', '2']]);
    hear('2');
    expect(probe.delivers).toBe(true);
  });

  it('that comes within the grace after its time proves delivery all the same', async () => {
    probe.up();
    await pass(SILENT_MS - 1);
    hear();
    await pass(INTERVAL_MS - SILENT_MS);
    expect([probe.delivers, silences, outcomes.length]).toEqual([true, 0, 1]);
  });

  it('is not sent while another is on its way', () => {
    probe.up();
    probe.up();
    expect(published).toEqual(['1']);
  });

  it('that Redis does not take says nothing of the subscription, and delivery is no longer proven', async () => {
    probe.up();
    hear();
    publish = () => Promise.reject(new Error('unreachable'));
    await pass(INTERVAL_MS);
    expect([probe.delivers, silences]).toEqual([false, 0]);
    await pass(SILENT_MS);
    expect(silences).toBe(0);
    publish = () => Promise.resolve();
    await pass(INTERVAL_MS - SILENT_MS);
    hear();
    expect(probe.delivers).toBe(true);
  });

  it('whose failure is told late does not take back what a newer one has proven', async () => {
    let fail: (reason: Error) => void = () => undefined;
    publish = () => new Promise((_, reject) => (fail = reject));
    probe.up();
    publish = () => Promise.resolve();
    await pass(INTERVAL_MS);
    hear();
    fail(new Error('late'));
    await pass(0);
    expect(probe.delivers).toBe(true);
  });

  it('proves that what was published before it arrived: one that is sent later than that', async () => {
    probe.up();
    let proven = 0;
    void probe.prove().then(() => (proven += 1));
    hear('1');
    await pass(0);
    expect([proven, published]).toEqual([0, ['1', '2']]);
    hear('2');
    await pass(0);
    void probe.prove().then(() => (proven += 1));
    expect([proven, published]).toEqual([1, ['1', '2', '3']]);
  });

  it.each([
    [
      'is lost',
      () => {
        probe.down();
      },
    ],
    ['is silent', () => void pass(SILENT_MS)],
    [
      'is ended',
      () => {
        probe.stop();
      },
    ],
  ])('keeps nobody waiting for a proof when its connection %s', async (_, end: () => void) => {
    probe.up();
    hear();
    const proven = probe.prove();
    end();
    await expect(proven).resolves.toBeUndefined();
  });

  it('is not waited for by who asks for a proof while there is no connection', async () => {
    await expect(probe.prove()).resolves.toBeUndefined();
  });

  it('proves nothing once its connection is lost, and is not waited for', async () => {
    probe.up();
    hear();
    probe.down();
    expect(probe.delivers).toBe(false);
    await pass(2 * INTERVAL_MS);
    expect([published, silences]).toEqual([['1'], 0]);
    probe.up();
    expect(published).toEqual(['1', '2']);
    probe.down();
    await pass(SILENT_MS);
    hear('2');
    expect([probe.delivers, silences]).toEqual([false, 0]);
  });

  it('is neither sent nor waited for after the end', async () => {
    probe.up();
    probe.stop();
    await pass(2 * INTERVAL_MS);
    expect([published, silences]).toEqual([['1'], 0]);
    expect(jest.getTimerCount()).toBe(0);
  });

  it('is sent once an interval, however often it is started', async () => {
    probe.start();
    probe.up();
    hear();
    await pass(INTERVAL_MS);
    expect(published).toEqual(['1', '2']);
    probe.stop();
    expect(jest.getTimerCount()).toBe(0);
  });
});
