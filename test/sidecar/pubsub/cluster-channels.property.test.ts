import fc from 'fast-check';
import { ReplyError } from 'ioredis';
import { keySlot } from '../../../redis/key-slot';
import { ClusterChannels, type ShardLink } from '../../../sidecar/pubsub/cluster-channels';
import { takeAll } from '../all-steps';

type Command =
  | { readonly do: 'subscribe'; readonly channels: readonly string[]; readonly settle: Settle }
  | { readonly do: 'unsubscribe'; readonly channel: string }
  | { readonly do: 'count'; readonly settle: Settle };

interface Settle {
  readonly resolve: (count: number) => void;
  readonly reject: (error: Error) => void;
}

/** A master, which takes the commands of its one connection in their order when the test lets it. */
class Master implements ShardLink {
  isReady = true;
  resets = 0;
  /** The channels that it holds for the connection. */
  readonly held = new Set<string>();
  #commands: Command[] = [];

  get isQuiet(): boolean {
    return this.#commands.length === 0;
  }

  subscribe(channels: readonly string[]): Promise<number> {
    return this.#answered((settle) => ({ do: 'subscribe', channels, settle }));
  }
  unsubscribe(channel: string): void {
    if (this.isReady) this.#commands.push({ do: 'unsubscribe', channel });
  }
  ping(): Promise<unknown> {
    throw new Error('expected no PING');
  }
  count(): Promise<number | undefined> {
    return this.#answered((settle) => ({ do: 'count', settle })).catch(() => undefined);
  }
  reset(): void {
    this.resets += 1;
  }

  /** Takes the next command. @param isServed whether it serves the slot of a channel */
  serve(isServed: (channel: string) => boolean): void {
    const command = this.#commands.shift();
    switch (command?.do) {
      case 'subscribe':
        if (!command.channels.every(isServed)) {
          command.settle.reject(new (ReplyError as new (text: string) => Error)('MOVED 1 127.0.0.1:1'));
          return;
        }
        for (const channel of command.channels) this.held.add(channel);
        command.settle.resolve(this.held.size);
        return;
      case 'unsubscribe':
        this.held.delete(command.channel);
        return;
      case 'count':
        command.settle.resolve(this.held.size);
        return;
      case undefined:
    }
  }

  /** The answer to a SUBSCRIBE comes too late: the command is still on its way. */
  delay(): void {
    for (const command of this.#commands)
      if (command.do === 'subscribe') command.settle.reject(new Error('Command timed out'));
  }

  lose(): void {
    this.isReady = false;
    this.held.clear();
    for (const command of this.#commands.splice(0))
      if (command.do !== 'unsubscribe') command.settle.reject(new Error('Connection is closed.'));
  }

  #answered(commandOf: (settle: Settle) => Command): Promise<number> {
    return new Promise((resolve, reject) => {
      if (this.isReady) this.#commands.push(commandOf({ resolve, reject }));
      else reject(new Error("Stream isn't writeable"));
    });
  }
}

const CHANNELS = ['{a}1', '{a}2', '{b}1', '{c}1'];

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ do: fc.constant('join' as const), channel: fc.nat(3) }) },
  { weight: 3, arbitrary: fc.record({ do: fc.constant('leave' as const), member: fc.nat(20) }) },
  { weight: 8, arbitrary: fc.record({ do: fc.constant('serve' as const), master: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('delay' as const), master: fc.nat(1) }) },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lose' as const), master: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('back' as const), master: fc.nat(1) }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('move' as const), channel: fc.nat(3) }) },
  { weight: 2, arbitrary: fc.constant({ do: 'hear' as const }) },
  { weight: 3, arbitrary: fc.constant({ do: 'tell' as const }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constant('verify' as const), master: fc.nat(1) }) },
);

type Step = typeof step extends fc.Arbitrary<infer Taken> ? Taken : never;

/** A cluster of two masters, and the registry of a bridge. */
class Stage {
  readonly masters = [new Master(), new Master()] as const;
  readonly joined: (readonly [channel: string, member: object])[] = [];
  readonly channels: ClusterChannels<object>;
  /** Members that count nothing until their channel is back. */
  readonly waiting = new Map<object, string>();
  readonly #untold: string[] = [];
  readonly #whenTold: (() => void)[] = [];
  /** Which master serves a slot, and which one the bridge knows of. */
  readonly #served = new Map<number, number>();
  readonly #known = new Map<number, number>();

  constructor() {
    this.channels = new ClusterChannels<object>({
      lost: (channels) => this.#untold.push(...channels),
      whenTold: (act) => {
        if (this.#untold.length === 0) act();
        else this.#whenTold.push(act);
      },
      share: takeAll,
      restored: () => {
        for (const [member, channel] of this.waiting)
          if (this.channels.isLive(channel)) this.waiting.delete(member);
      },
      refused: () => undefined,
      notAllowed: () => undefined,
    });
    this.hear();
  }

  masterOf(channel: string): Master {
    return this.#master(this.#served.get(keySlot(channel)) ?? 0);
  }

  /** The members of one channel are told that it was lost. */
  tell(): void {
    const channel = this.#untold.shift();
    if (channel === undefined) return;
    for (const member of this.channels.members(channel)) this.waiting.set(member, channel);
    if (this.#untold.length === 0) for (const act of this.#whenTold.splice(0)) act();
  }

  join(channel: string): void {
    const member = {};
    this.channels.join(channel, member).then(
      () => this.joined.push([channel, member]),
      () => undefined,
    );
  }

  leave(index: number): void {
    const [left] = this.joined.splice(index % Math.max(1, this.joined.length), 1);
    if (left === undefined) return;
    this.channels.leave(...left);
    this.waiting.delete(left[1]);
  }

  serve(index: number): void {
    const master = this.#master(index);
    master.serve((channel) => this.masterOf(channel) === master);
  }

  lose(index: number): void {
    const master = this.#master(index);
    if (!master.isReady) return;
    master.lose();
    this.channels.down(master);
  }

  back(index: number): void {
    this.#master(index).isReady = true;
    this.channels.restore();
  }

  /** Whether any slot has. */
  hasMoved = false;

  /** A slot moves, and the master that had it takes its channels away. */
  move(channel: string): void {
    const slot = keySlot(channel);
    this.hasMoved = true;
    for (const name of CHANNELS) if (keySlot(name) === slot) this.masterOf(name).held.delete(name);
    this.#served.set(slot, 1 - (this.#served.get(slot) ?? 0));
  }

  /** The bridge hears who serves which slot. */
  hear(): void {
    for (const [slot, index] of this.#served) this.#known.set(slot, index);
    const known = new Map(this.#known);
    this.channels.route((slot) => this.#master(known.get(slot) ?? 0));
  }

  /** Channels that were taken away unseen are found, and made again on another connection. */
  async verify(): Promise<void> {
    for (const [index, master] of this.masters.entries()) {
      const { resets } = master;
      const verified = this.channels.verify([master]);
      master.serve(() => true);
      await verified;
      if (master.resets > resets) this.lose(index);
    }
  }

  async calm(): Promise<void> {
    for (const index of [0, 1]) this.back(index);
    this.hear();
    for (let round = 0; round < 100; round += 1) {
      this.serve(round % 2);
      this.tell();
      await settled();
      if (round % 10 === 0) this.channels.restore();
    }
  }

  #master(index: number): Master {
    return this.masters[index % 2 === 0 ? 0 : 1];
  }
}

const settled = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function take(stage: Stage, taken: Step): Promise<void> {
  switch (taken.do) {
    case 'join':
      stage.join(CHANNELS[taken.channel] ?? '');
      break;
    case 'leave':
      stage.leave(taken.member);
      break;
    case 'delay':
      stage.masters[taken.master === 0 ? 0 : 1].delay();
      break;
    case 'move':
      stage.move(CHANNELS[taken.channel] ?? '');
      break;
    case 'hear':
      stage.hear();
      break;
    case 'tell':
      stage.tell();
      break;
    case 'verify':
      void stage.channels.verify([stage.masters[taken.master === 0 ? 0 : 1]]);
      break;
    default:
      stage[taken.do](taken.master);
  }
  await settled();
}

describe('the subscriptions of a cluster', () => {
  it('are in the end those that members want, each at the master of its slot, whatever came in between', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 40 }), async (steps) => {
        const stage = new Stage();
        for (const taken of steps) await take(stage, taken);
        await stage.calm();
        expect(stage.channels.isWhole).toBe(true);
        await stage.verify();
        // Nothing else is a reason to give a connection up.
        if (!stage.hasMoved) expect(stage.masters.map(({ resets }) => resets)).toEqual([0, 0]);
        await stage.calm();
        const wanted = new Set(stage.joined.map(([channel]) => channel));
        for (const master of stage.masters) {
          const held = CHANNELS.filter(
            (channel) => wanted.has(channel) && stage.masterOf(channel) === master,
          );
          expect([...master.held].sort()).toEqual(held);
        }
        const joined = new Set(stage.joined.map(([, member]) => member));
        expect([...stage.waiting].filter(([member]) => joined.has(member))).toEqual([]);
        expect(CHANNELS.filter((channel) => stage.channels.isLive(channel))).toEqual(
          CHANNELS.filter((channel) => wanted.has(channel)),
        );
      }),
      { numRuns: 500 },
    );
  });
});
