import { clockUs, untilUs } from '../../clock';
import { SUBPROTOCOL } from '../../../protocol/frames';
import { Client } from '../../load/client';
import { OPCODE_TEXT } from '../../load/frame-reader';
import { assertedHeaders } from '../../peers/ws-bridge';
import { maskedFrame } from '../masked-frame';
import type { Observations } from '../observations';
import type { Schedule } from '../schedule';

const SOCKETS = 4;
const COMMANDS_PER_SECOND = 20;
/** A command that is not acknowledged by then is not. */
const ANSWER_MS = 6000;
const COMMAND = '{"type":"ask","data":{"question":"revenue by month"},"id":';
/** So that they are other users than those of the chats. */
const FIRST_USER = 1000;

/** Sends commands, and notes when each is acknowledged. */
export class Commander {
  readonly #observations: Observations;
  readonly #clients: Client[] = [];
  /** When each was sent that has no answer yet, by its id. */
  readonly #sentUs = new Map<string, number>();

  private constructor(observations: Observations) {
    this.#observations = observations;
  }

  static async open(port: number, observations: Observations): Promise<Commander> {
    const commander = new Commander(observations);
    for (let number = 0; number < SOCKETS; number += 1) {
      const topic = { path: `/ws/ai/chat?session=asks${number}`, tenant: 't0' };
      const headers = await assertedHeaders(topic, FIRST_USER + number);
      const plan = { port, path: topic.path, headers: { ...headers, 'Sec-WebSocket-Protocol': SUBPROTOCOL } };
      const client = new Client(plan, number, commander.#recorder());
      const refusal = await client.opened;
      if (refusal !== undefined) throw new Error(`tenant B cannot send commands: ${refusal}`);
      commander.#clients.push(client);
    }
    return commander;
  }

  /** Settles some time after the last, when each that was not answered has counted as refused. */
  async keepSending({ beginUs, endUs }: Schedule): Promise<void> {
    const count = Math.floor(((endUs - beginUs) * COMMANDS_PER_SECOND) / 1_000_000);
    for (let number = 0; number < count; number += 1) {
      await untilUs(beginUs + (number * 1_000_000) / COMMANDS_PER_SECOND);
      const id = `b${number}`;
      this.#sentUs.set(id, clockUs());
      const frame = maskedFrame(OPCODE_TEXT, Buffer.from(`${COMMAND}"${id}"}`));
      this.#clients[number % SOCKETS]?.send(frame);
    }
    const giveUpUs = clockUs() + ANSWER_MS * 1000;
    while (this.#sentUs.size > 0 && clockUs() < giveUpUs)
      await new Promise((resolve) => setTimeout(resolve, 50));
    for (const sentUs of this.#sentUs.values()) this.#observations.refusal('command not answered', sentUs);
  }

  #recorder(): ConstructorParameters<typeof Client>[2] {
    return {
      frame: () => undefined,
      gap: () => {
        this.#observations.fault('gaps', clockUs());
      },
      closed: () => {
        this.#observations.fault('closed', clockUs());
      },
      text: (text) => {
        this.#answer(JSON.parse(text) as Answer);
      },
    };
  }

  #answer({ type, data: { id, code } }: Answer): void {
    const sentUs = id === undefined ? undefined : this.#sentUs.get(id);
    if (id === undefined || sentUs === undefined) return;
    this.#sentUs.delete(id);
    if (type === 'bridge.ack') this.#observations.latency('ack', sentUs, clockUs());
    else this.#observations.refusal(`command ${code ?? type}`, sentUs);
  }
}

interface Answer {
  readonly type: string;
  readonly data: { readonly id?: string; readonly code?: string };
}
