import fc from 'fast-check';
import { frameOf, type Frame } from '../../../sidecar/fanout/frame';
import { BUFFER_OVERHEAD_BYTES } from '../../../sidecar/lib/keepers';
import { RingBudget, type Lingering, type TenantRings } from '../../../sidecar/resume/ring-budget';
import { ReplayLog } from '../../../sidecar/resume/replay-log';

const TENANTS = ['acme', 'beta', 'corp'];
const STREAMS_PER_TENANT = 3;
const FIRST = 1000;

interface Rig {
  readonly budget: RingBudget;
  readonly streams: readonly Kept[];
  /** The frames given up since it was last emptied, by their bound: the name of a stream that lingers, else `open`. */
  readonly given: string[];
  /** The last of the streams that lingered and gave up their frames. */
  emptied: string;
}

/** A stream, and what a test knows of it. */
interface Kept {
  readonly name: string;
  readonly log: ReplayLog;
  readonly rings: TenantRings;
  lingering: Lingering | undefined;
}

function rig(totalBytes: number, tenantBytes: number, maxBytes = 1_000_000): Rig {
  const budget = new RingBudget({ totalBytes, tenantBytes }, (bound, victim) => {
    made.given.push(`${bound}: ${victim === 'open' ? victim : made.emptied}`);
  });
  const keeping = { maxItems: 100, maxBytes, lingerMs: 0 };
  const streams = TENANTS.flatMap((tenant) =>
    Array.from({ length: STREAMS_PER_TENANT }, (_, index) => {
      const rings = budget.open(tenant);
      const name = `${tenant} ${index}`;
      const identity = { tenant, owner: name, channels: [name], senderId: undefined, keeping };
      const log = new ReplayLog(identity, name, rings, FIRST);
      log.open();
      return { name, log, rings, lingering: undefined };
    }),
  );
  const made: Rig = { budget, streams, given: [], emptied: '' };
  return made;
}

function leave(made: Rig, kept: Kept): void {
  const stopKeeping = (): void => {
    made.emptied = kept.name;
    kept.log.stopKeeping();
  };
  kept.lingering = made.budget.linger({ stopKeeping }, kept.rings);
}

function comeBack(kept: Kept): void {
  kept.lingering?.end();
  kept.lingering = undefined;
  kept.log.startKeeping();
}

const frame = (bytes: number, isShared = false): Frame => frameOf(Buffer.alloc(bytes, 'x'), false, isShared);

function framesOf({ name, log }: Kept): readonly Frame[] {
  for (let offset = FIRST; offset <= log.end; offset += 1) {
    const replay = log.replay({ epoch: name, offset });
    if (replay.kind === 'resumed') return replay.missed;
  }
  return [];
}

/** The memory of frames that are kept as the one that several share. */
function sharedBytes(streams: readonly Kept[]): number {
  const frames = new Set(streams.flatMap(framesOf).filter(({ isShared }) => isShared));
  return [...frames].reduce((sum, { wire }) => sum + wire.length + BUFFER_OVERHEAD_BYTES, 0);
}

const stream = fc.nat({ max: TENANTS.length * STREAMS_PER_TENANT - 1 });
const size = fc.oneof(fc.nat({ max: 300 }), fc.nat({ max: 6000 }));
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ push: size, to: fc.array(stream, { minLength: 1, maxLength: 5 }) }) },
  { weight: 2, arbitrary: fc.record({ leave: stream }) },
  { weight: 1, arbitrary: fc.record({ comeBack: stream }) },
  { weight: 1, arbitrary: fc.record({ forget: stream }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** Takes a step. @returns the streams that linger and have their frames, those that left first before the others */
function take(made: Rig, taken: Step, order: readonly Kept[], onlyShared: boolean): readonly Kept[] {
  const at = (index: number): Kept => {
    const kept = made.streams[index];
    if (kept === undefined) throw new RangeError(`expected a stream, got ${index}`);
    return kept;
  };
  if ('push' in taken) {
    const to = [...new Set(taken.to)].map(at);
    const pushed = frame(taken.push, onlyShared || to.length > 1);
    for (const kept of to) kept.log.deliver(pushed);
    return order;
  }
  if ('leave' in taken) {
    const kept = at(taken.leave);
    if (kept.lingering !== undefined) return order;
    leave(made, kept);
    return [...order, kept];
  }
  const kept = at('comeBack' in taken ? taken.comeBack : taken.forget);
  comeBack(kept);
  if ('forget' in taken) {
    kept.log.stopKeeping();
    kept.log.startKeeping();
  }
  return order.filter((other) => other !== kept);
}

describe('the rings of a bridge', () => {
  it('never hold more together than they may, nor one tenant’s more than its share, whatever comes and goes', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.nat(20_000),
        fc.nat(20_000),
        (steps, total, share) => {
          const made = rig(total, share);
          let order: readonly Kept[] = [];
          for (const taken of steps) {
            order = take(made, taken, order, false).filter((kept) => !hasGivenUp(made, kept));
            expect(made.budget.bytes).toBeLessThanOrEqual(total);
            for (const { rings } of made.streams) expect(rings.bytes).toBeLessThanOrEqual(share);
            const wires = made.streams.flatMap(framesOf).filter(({ isShared }) => !isShared);
            const held = wires.reduce((sum, { wire }) => sum + wire.length, sharedBytes(made.streams));
            expect(made.budget.bytes).toBeGreaterThanOrEqual(held);
            expect(made.budget.lingering).toBe(order.length);
            made.given.length = 0;
          }
          for (const kept of made.streams) {
            kept.log.stopKeeping();
            made.budget.close(kept.rings);
          }
          expect([made.budget.bytes, made.budget.tenants]).toEqual([0, 0]);
        },
      ),
    );
  });

  it('count a frame that several keep once for each tenant, and once in the whole', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), fc.nat(20_000), (steps, total) => {
        const made = rig(total, Infinity);
        let order: readonly Kept[] = [];
        for (const taken of steps) {
          order = take(made, taken, order, true);
          expect(made.budget.bytes).toBe(sharedBytes(made.streams));
          for (const tenant of TENANTS) {
            const own = made.streams.filter(({ name }) => name.startsWith(tenant));
            expect(own[0]?.rings.bytes).toBe(sharedBytes(own));
          }
        }
      }),
    );
  });

  it('give up what lingers first, the longest gone of it first, of others than the tenant only for the whole', () => {
    fc.assert(
      fc.property(
        fc.array(step, { maxLength: 60 }),
        fc.nat(20_000),
        fc.nat(20_000),
        (steps, total, share) => {
          const made = rig(total, share);
          let order: readonly Kept[] = [];
          for (const any of steps) {
            const taken = 'push' in any ? { ...any, to: any.to.slice(0, 1) } : any;
            order = take(made, taken, order, false);
            const pushed = 'push' in taken ? made.streams[taken.to[0] ?? 0]?.rings : undefined;
            for (const given of made.given.splice(0)) {
              const ofTenant = order.find(({ rings }) => rings === pushed);
              expect([`tenant: ${ofTenant?.name ?? 'open'}`, `total: ${order[0]?.name ?? 'open'}`]).toContain(
                given,
              );
              order = order.filter(({ name }) => !given.endsWith(name));
            }
          }
        },
      ),
    );
  });

  it('may hold as much as they may, to the last byte', () => {
    const block = 1024 + BUFFER_OVERHEAD_BYTES;
    for (const [total, share] of [
      [block, Infinity],
      [Infinity, block],
    ] as const) {
      const made = rig(total, share);
      const [kept] = made.streams as [Kept];
      kept.log.deliver(frame(10));
      expect([made.budget.bytes, framesOf(kept).length, made.given]).toEqual([block, 1, []]);
    }
  });

  it('of a tenant over its share give up their oldest, whichever ring has them, and nothing of another tenant', () => {
    const made = rig(Infinity, 50_000);
    const [first, second, , other] = made.streams as [Kept, Kept, Kept, Kept];
    other.log.deliver(frame(40_000));
    first.log.deliver(frame(20_000));
    second.log.deliver(frame(20_000));
    second.log.deliver(frame(20_000));
    expect([first, second, other].map((kept) => framesOf(kept).length)).toEqual([0, 2, 1]);
    first.log.deliver(frame(20_000));
    expect([first, second, other].map((kept) => framesOf(kept).length)).toEqual([1, 1, 1]);
    expect(made.given).toEqual(['tenant: open', 'tenant: open']);
  });

  it('that are too much together give up the oldest of the tenant that holds most', () => {
    const made = rig(100_000, Infinity);
    const [acme, , , beta] = made.streams as [Kept, Kept, Kept, Kept];
    beta.log.deliver(frame(20_000));
    for (let count = 0; count < 3; count += 1) acme.log.deliver(frame(20_000));
    beta.log.deliver(frame(20_000));
    expect([acme, beta].map((kept) => framesOf(kept).length)).toEqual([2, 2]);
    expect(made.given).toEqual(['total: open']);
  });

  it('of a tenant over its share give up what lingers of it before what is open, and leave what lingers of others', () => {
    const made = rig(Infinity, 50_000);
    const [gone, open, , other] = made.streams as [Kept, Kept, Kept, Kept];
    for (const kept of [other, open, gone]) kept.log.deliver(frame(20_000));
    leave(made, other);
    leave(made, gone);
    open.log.deliver(frame(20_000));
    expect(made.given).toEqual([`tenant: ${gone.name}`]);
    expect([gone, open, other].map((kept) => framesOf(kept).length)).toEqual([0, 2, 1]);
  });
});

describe('a stream that gave up its frames while nobody listened', () => {
  it('counts on, so that its client learns that they are gone, and goes on when it missed none', () => {
    const made = rig(Infinity, 50_000);
    const [gone, open] = made.streams as [Kept, Kept];
    gone.log.deliver(frame(20_000));
    leave(made, gone);
    open.log.deliver(frame(40_000));
    const point = (offset: number) => ({ epoch: gone.name, offset });
    expect(gone.log.replay(point(FIRST))).toEqual({ kind: 'gap', reason: 'expired' });
    expect(gone.log.replay(point(FIRST + 1))).toMatchObject({ kind: 'resumed', missed: [] });
    gone.log.deliver(frame(10));
    expect(gone.log.replay(point(FIRST + 1))).toEqual({ kind: 'gap', reason: 'expired' });
    comeBack(gone);
    gone.log.deliver(frame(10));
    expect(gone.log.replay(point(FIRST + 2))).toMatchObject({ kind: 'resumed', missed: [{}] });
  });
});

function hasGivenUp({ given }: Rig, { name }: Kept): boolean {
  return given.some((each) => each.endsWith(name));
}
