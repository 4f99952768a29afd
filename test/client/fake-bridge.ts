import {
  PING_MESSAGE,
  SUBPROTOCOL,
  type BridgeErrorCode,
  type ControlFrame,
  type GapReason,
  type StateFrame,
} from '../../protocol/frames';

type Payload = string | Uint8Array;

/** A frame that a service may not publish: a gap stands in its place. */
const RESERVED = '{"type":"bridge.reserved"}';

/** The bridge's side of one socket. */
export interface Peer {
  readonly url: URL;
  readonly protocols: readonly string[];
  send(message: Payload): void;
  close(code: number, reason: string): void;
}

/** One command that was taken over. */
export interface Taken {
  readonly id: string;
  readonly type: string;
  readonly data?: unknown;
}

/**
 * One stream of a bridge that speaks PROTOCOL.md §5. As if each connection reached another bridge, each gets an epoch
 * of its own, whose points every other connection understands.
 */
export class FakeBridge {
  /** Sends no ready when false. */
  greets = true;
  /** Takes commands over but says nothing. */
  losesAcks = false;
  /** Refuses each command with this. */
  refuses: BridgeErrorCode | undefined;
  /** The session in the ready frame; undefined as on routes that are no AI chat. */
  session: string | undefined = 's1';
  /** Only the first and the last frame that a client missed reach it: it is too slow for the rest, on a route with `latest`. */
  abridges = false;
  /** The next connection is told that it resumes where it asked, and resumes so many frames further on, in the same epoch. */
  misleads = 0;
  /** Each epoch has the name of the first. */
  reusesEpochs = false;
  readonly taken: Taken[] = [];
  readonly messages: Payload[] = [];
  readonly peers = new Set<Peer>();
  /** Peers in the order in which they came, gone ones too. */
  readonly greeted: Peer[] = [];
  gapsSent = 0;
  /** How often it was asked for a sign of life. */
  probes = 0;
  readonly #log: Payload[] = [];
  readonly #epochs = new Map<string, number>();
  /** Epochs that had two meanings. Their points are not honoured. */
  readonly #ambiguous = new Set<string>();
  /** In which epoch each peer counts. */
  readonly #epochOf = new Map<Peer, string>();
  /** Nothing before this is kept. */
  #keptFrom = 0;

  /** How many data frames there were. */
  get length(): number {
    return this.#log.length;
  }

  /** Takes a connection. */
  accept(peer: Peer): void {
    if (!peer.protocols.includes(SUBPROTOCOL)) throw new Error(`no ${SUBPROTOCOL} offered`);
    this.greeted.push(peer);
    if (!this.greets) return;
    const asked = peer.url.searchParams.get('resume');
    if (asked === 'oldest') {
      this.#acceptFromOldest(peer);
      return;
    }
    const point = asked === null ? undefined : this.#indexOf(asked);
    const from = point === undefined ? undefined : Math.min(point + this.misleads, this.#log.length);
    const resumed = point !== undefined && from !== undefined && point >= this.#keptFrom;
    const isMisled = resumed && from !== point;
    this.misleads = 0;
    const data = isMisled
      ? { ...this.#sameEpoch(peer, asked ?? '', from), resumed }
      : { ...this.#epochAt(peer, resumed ? from : this.#log.length), resumed };
    const session = this.session === undefined ? {} : { session: this.session };
    control(peer, { type: 'bridge.ready', data: { ...data, ...session } });
    if (resumed) this.#replay(peer, from);
    else if (asked !== null) this.gap(peer, from === undefined ? 'unknown' : 'expired');
    this.peers.add(peer);
  }

  /** Sends all that is kept. */
  #acceptFromOldest(peer: Peer): void {
    const resumed = this.#keptFrom === 0;
    const point = this.#epochAt(peer, this.#keptFrom);
    const live = point.offset + this.#log.length - this.#keptFrom;
    const session = peer.url.searchParams.get('session') ?? this.session;
    const data = { ...point, resumed, live, ...(session === undefined ? {} : { session }) };
    control(peer, { type: 'bridge.ready', data });
    if (!resumed) control(peer, { type: 'bridge.gap', data: { reason: 'expired', ...point } });
    this.#replay(peer, this.#keptFrom);
    this.peers.add(peer);
  }

  /** The socket is gone. */
  leave(peer: Peer): void {
    this.peers.delete(peer);
  }

  /** A service published this. */
  publish(frame: Payload): void {
    this.#log.push(frame);
    for (const peer of this.peers) this.#send(peer, this.#log.length - 1);
  }

  /** A service published what only a bridge may. */
  publishReserved(): void {
    this.publish(RESERVED);
  }

  /** A service published this while the connection to Redis was lost. */
  publishLost(frame: Payload): void {
    this.#log.push(frame);
    this.forget();
    for (const peer of this.peers) this.gap(peer, 'redis');
  }

  /** Keeps nothing of what was: no resume point before this is honoured, and points of those who left are unknown. */
  forget(): void {
    this.#keptFrom = this.#log.length;
    const live = new Set([...this.peers].map((peer) => this.#epochOf.get(peer)));
    for (const epoch of this.#epochs.keys()) if (!live.has(epoch)) this.#epochs.delete(epoch);
  }

  /** Sends one peer the channel's state, in text or base64. */
  state(peer: Peer, data: StateFrame['data']): void {
    control(peer, { type: 'bridge.state', data });
  }

  /** Tells one peer of a gap. */
  gap(peer: Peer, reason: GapReason): void {
    this.gapsSent += 1;
    control(peer, { type: 'bridge.gap', data: { reason, ...this.#epochAt(peer, this.#log.length) } });
  }

  /** Tells one peer of a gap in its epoch that moves its counting by so much, forwards or back. */
  renumber(peer: Peer, by: number): void {
    const epoch = this.#epochOf.get(peer) ?? '';
    const index = this.#log.length;
    const offset = Math.max(0, index - (this.#epochs.get(epoch) ?? 0) + by);
    this.#rebase(epoch, index - offset);
    control(peer, { type: 'bridge.gap', data: { reason: 'redis', epoch, offset } });
  }

  /** A message came from the client. */
  receive(peer: Peer, message: Payload): void {
    if (message === PING_MESSAGE) {
      this.probes += 1;
      control(peer, { type: 'bridge.pong', data: {} });
      return;
    }
    this.messages.push(message);
    if (this.session === undefined || typeof message !== 'string') return;
    const command = JSON.parse(message) as Taken;
    const { id } = command;
    if (this.refuses !== undefined) {
      const data = { code: this.refuses, message: 'not now', id };
      control(peer, { type: 'bridge.error', data });
      return;
    }
    if (!this.taken.some((earlier) => earlier.id === id)) this.taken.push(command);
    if (!this.losesAcks) control(peer, { type: 'bridge.ack', data: { id } });
  }

  /** Refuses something that has no id. */
  refuseNameless(code: BridgeErrorCode): void {
    for (const peer of this.peers) control(peer, { type: 'bridge.error', data: { code, message: 'no' } });
  }

  #replay(peer: Peer, from: number): void {
    const last = this.#log.length - 1;
    for (let index = from; index <= last; index += 1) {
      if (this.abridges && index > from && index < last) {
        this.#skip(peer, 'slow', last);
        index = last;
      }
      this.#send(peer, index);
    }
  }

  #send(peer: Peer, index: number): void {
    const frame = this.#log[index] ?? '';
    if (frame === RESERVED) this.#skip(peer, 'reserved', index + 1);
    else peer.send(frame);
  }

  /** A gap of the epoch in which the peer counts already, which goes on with the frame of this index. */
  #skip(peer: Peer, reason: GapReason, index: number): void {
    const epoch = this.#epochOf.get(peer) ?? '';
    const offset = index - (this.#epochs.get(epoch) ?? 0);
    control(peer, { type: 'bridge.gap', data: { reason, epoch, offset } });
  }

  #epochAt(peer: Peer, index: number): { readonly epoch: string; readonly offset: number } {
    const epoch = this.reusesEpochs ? 'e' : `e${this.greeted.length}-${this.gapsSent}`;
    const offset = 7;
    this.#rebase(epoch, index - offset);
    this.#epochOf.set(peer, epoch);
    return { epoch, offset };
  }

  #sameEpoch(peer: Peer, point: string, index: number): { readonly epoch: string; readonly offset: number } {
    const [epoch = ''] = point.split('.');
    this.#epochOf.set(peer, epoch);
    return { epoch, offset: index - (this.#epochs.get(epoch) ?? 0) };
  }

  #rebase(epoch: string, base: number): void {
    if ((this.#epochs.get(epoch) ?? base) !== base) this.#ambiguous.add(epoch);
    this.#epochs.set(epoch, base);
  }

  #indexOf(point: string): number | undefined {
    const [epoch = '', offset] = point.split('.');
    const base = this.#ambiguous.has(epoch) ? undefined : this.#epochs.get(epoch);
    return base === undefined ? undefined : base + Number(offset);
  }
}

function control(peer: Peer, frame: ControlFrame): void {
  peer.send(JSON.stringify(frame));
}
