import { clockUs, untilUs } from '../../clock';
import { SUBPROTOCOL } from '../../../protocol/frames';
import { handshake } from '../../load/client';
import { assertedHeaders } from '../../peers/ws-bridge';
import { respCommand } from '../../publisher/resp';
import { shippedLimits, type Limits } from '../limits';
import { dueUs, Pace, pursue, type Rate } from '../pursue';
import type { Strength } from '../schedule';
import type { AttackOrder, Deeds } from './calls';
import { Foe, type Reading } from './foe';
import { PublishingLine } from './publishing-line';

/** Tenant A's name. */
export const TENANT_A = 'loud';
/** Beyond its limits A connects so many times as often. */
const OVER_UPGRADES = 10;
/** Who was refused tries again after this. */
const RETRY_MS = 250;

/** How a client of A comes in. */
export interface Entrance {
  readonly path: string;
  readonly user: number;
  readonly subprotocol?: boolean;
  /** Whether it asks for an event stream in place of a WebSocket. */
  readonly overHttp?: boolean;
  readonly reading?: Reading;
}

/** Where an attack takes place, and until when. */
export class Arena {
  readonly strength: Strength;
  readonly endUs: number;
  readonly limits: Limits = shippedLimits();
  readonly #order: AttackOrder;
  readonly #foes = new Set<Foe>();
  #line: PublishingLine | undefined;
  #entries = 0;
  #sockets = 0;
  #refused = 0;
  #cut = 0;
  #writes = 0;
  #bytes = 0;
  #bytesRead = 0;

  constructor(order: AttackOrder) {
    this.#order = order;
    this.strength = order.strength;
    this.endUs = order.endUs;
  }

  isOver(): boolean {
    return clockUs() >= this.endUs;
  }

  /** Connects, when A's next upgrade is due. @returns undefined when it is refused */
  async enter({
    path,
    user,
    subprotocol = false,
    overHttp = false,
    reading = 'all',
  }: Entrance): Promise<Foe | undefined> {
    await this.#turnToEnter();
    if (this.isOver()) return undefined;
    const asserted = await assertedHeaders({ path, tenant: TENANT_A }, user);
    const headers = subprotocol ? { ...asserted, 'Sec-WebSocket-Protocol': SUBPROTOCOL } : asserted;
    const { port } = this.#order;
    const foe = this.#send(handshake({ port, path, headers, overHttp }), reading);
    void foe.ended().then(() => {
      if (!foe.hasLeft) this.#cut += 1;
    });
    if (await this.#isTaken(foe)) {
      this.#sockets += 1;
      return foe;
    }
    foe.leave();
    return undefined;
  }

  /** Posts a command in place of a socket's, on a connection of its own, and waits for what comes of it. */
  async post({ path, user }: Entrance, command: string): Promise<void> {
    const asserted = await assertedHeaders({ path, tenant: TENANT_A }, user);
    const headers = { ...asserted, 'Content-Type': 'application/json' };
    this.#writes += 1;
    this.#bytes += command.length;
    const foe = this.#send(postText({ port: this.#order.port, path, headers }, command), 'all');
    await this.#isTaken(foe);
    foe.leave();
  }

  /** Writes to the bridge, when there is room. */
  async write(foe: Foe, bytes: Buffer): Promise<void> {
    this.#writes += 1;
    this.#bytes += bytes.length;
    await foe.write(bytes);
  }

  /** Has a socket there until the end: who is cut comes back. */
  async keepIn(entrance: Entrance, act: (foe: Foe) => Promise<void>): Promise<void> {
    while (!this.isOver()) {
      const foe = await this.enter(entrance);
      if (foe === undefined) await new Promise((resolve) => setTimeout(resolve, RETRY_MS));
      else await act(foe);
      foe?.leave();
    }
  }

  /** Keeps sending the same message from one place. */
  keepSending(entrance: Entrance, rate: Rate, message: Buffer): Promise<void> {
    const pace = new Pace(rate);
    return this.keepIn(entrance, (foe) =>
      this.#pursue(pace, async () => {
        await this.write(foe, message);
        return foe.isOpen;
      }),
    );
  }

  /** Waits for its turn within a pace; beyond the limits it is always one's turn. */
  async turn(pace: Pace): Promise<void> {
    if (this.strength === 'within') await untilUs(Math.min(this.endUs, pace.nextUs()));
  }

  /** Publishes as one of A's services does, at a pace. @param message makes the message with a number */
  async publish(
    perSecond: number,
    message: (number: number) => readonly [channel: string, payload: Buffer | string],
  ): Promise<void> {
    const line = (this.#line ??= await PublishingLine.open(this.#order.redisPort));
    let number = 0;
    const steadily = { strength: 'within' as const, untilUs: this.endUs };
    const pace = new Pace({ perSecond, burst: 1 });
    const act = async (): Promise<boolean> => {
      const command = respCommand('PUBLISH', ...message(number));
      number += 1;
      this.#writes += 1;
      this.#bytes += command.length;
      await line.write(command);
      return true;
    };
    await pursue({ ...steadily, pace, act });
  }

  /** Takes A away. */
  leave(): void {
    for (const foe of this.#foes) foe.leave();
    this.#line?.leave();
  }

  deeds(): Deeds {
    const here = [...this.#foes].reduce((sum, foe) => sum + foe.bytesRead, 0);
    return {
      sockets: this.#sockets,
      refused: this.#refused,
      cut: this.#cut,
      writes: this.#writes,
      megabytes: this.#bytes / 1e6,
      megabytesRead: (this.#bytesRead + here) / 1e6,
    };
  }

  #send(request: string, reading: Reading): Foe {
    const foe = new Foe({ port: this.#order.port, request, reading });
    this.#foes.add(foe);
    void foe.ended().then(() => {
      this.#foes.delete(foe);
      this.#bytesRead += foe.bytesRead;
    });
    return foe;
  }

  async #isTaken(foe: Foe): Promise<boolean> {
    const isTaken = await foe.opened;
    if (!isTaken && !this.isOver()) this.#refused += 1;
    return isTaken;
  }

  #pursue(pace: Pace, act: () => Promise<boolean>): Promise<void> {
    return pursue({ strength: this.strength, untilUs: this.endUs, pace, act });
  }

  async #turnToEnter(): Promise<void> {
    const { perSecond, burst } = this.limits.upgrades;
    const rate =
      this.strength === 'within' ? { perSecond, burst } : { perSecond: OVER_UPGRADES * perSecond, burst };
    const waitUs = this.#order.startUs + dueUs(this.#entries, rate) - clockUs();
    this.#entries += 1;
    const mostUs = this.endUs - clockUs();
    if (waitUs > 0) await new Promise((resolve) => setTimeout(resolve, Math.min(waitUs, mostUs) / 1000));
  }
}

interface PostPlace {
  readonly port: number;
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

function postText({ port, path, headers }: PostPlace, body: string): string {
  const fields = Object.entries({ ...headers, 'Content-Length': `${Buffer.byteLength(body)}` });
  const lines = [
    `POST ${path} HTTP/1.1`,
    `Host: 127.0.0.1:${port}`,
    ...fields.map((field) => field.join(': ')),
  ];
  return `${lines.join('\r\n')}\r\n\r\n${body}`;
}
