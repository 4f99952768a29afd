import { CONTROL_FRAME_PREFIX } from '../../protocol/frames';
import type { Case, Message, Sight, Step, Verdict } from './case';
import { closeFrame, frame, OPCODE } from './frames';
import type { RawPeer } from './raw-peer';

/** Where cases run: one document, with a peer that listens and one that marks where a case is over. */
export interface Arena {
  /** Opens a client of the document. */
  open(user: string): Promise<RawPeer>;
  readonly listener: RawPeer;
  readonly marker: RawPeer;
}

/** How a case went, with what was seen, for a reader of a failure. */
export interface Outcome {
  readonly verdict: Verdict;
  readonly closeCode: number | undefined;
  readonly fault: string | undefined;
  readonly relayed: readonly string[];
  readonly pongs: readonly string[];
}

/** Runs a case. */
export async function runCase(row: Case, arena: Arena): Promise<Outcome> {
  const client = await arena.open(`u${row.id}`);
  const heardBefore = messagesOf(arena.listener).length;
  let stillOpen = 0;
  for (const step of row.steps) {
    await take(step, client, arena);
    if ('stillOpen' in step && client.closeCode === undefined && !client.isEnded) stillOpen += 1;
  }
  if (row.closes) await client.write(closeFrame(1000));
  // The server ends the TCP connection first (RFC 6455 §7.1.1), also where it fails a connection (§7.1.7).
  const hasEnded = await client.until(() => false);
  client.cut();
  const { relayed, hasHeard } = await heardSince(heardBefore, row.id, arena);
  const isInTime = hasEnded && hasHeard;
  const sight = { relayed, pongs: client.payloads(OPCODE.pong), stillOpen };
  const { closeCode, fault = arena.listener.fault } = client;
  const isRight =
    isInTime && fault === undefined && closeCode !== undefined && row.closeCodes.includes(closeCode);
  return {
    verdict: isRight ? verdictOf(row, sight) : 'FAILED',
    closeCode,
    fault:
      fault?.message ?? (isInTime ? undefined : `not in time: ${hasEnded ? 'what it relays' : 'its end'}`),
    relayed: relayed.map(({ data, binary }) => `${binary ? 'binary' : 'text'} ${shown(data)}`),
    pongs: sight.pongs.map(shown),
  };
}

function verdictOf({ expected, nonStrict, isInformational }: Case, sight: Sight): Verdict {
  const isAsExpected = isSame(sight, expected);
  if (!isAsExpected && (nonStrict === undefined || !isSame(sight, nonStrict))) return 'FAILED';
  if (isInformational === true) return 'INFORMATIONAL';
  return isAsExpected ? 'OK' : 'NON-STRICT';
}

async function take(step: Step, client: RawPeer, { marker }: Arena): Promise<void> {
  if ('write' in step) {
    await client.write(step.write, step.pieceBytes);
    return;
  }
  if ('untilPongs' in step) {
    await client.until(() => client.payloads(OPCODE.pong).length >= step.untilPongs);
    return;
  }
  const before = marker.payloads(OPCODE.pong).length;
  await marker.write(frame(OPCODE.ping));
  await marker.until(() => marker.payloads(OPCODE.pong).length > before);
}

/** All that the listener heard until a message that was sent after the client's end. */
async function heardSince(
  before: number,
  id: string,
  { listener, marker }: Arena,
): Promise<{ readonly relayed: readonly Message[]; readonly hasHeard: boolean }> {
  const end = Buffer.from(`the end of case ${id}`);
  await marker.write(frame(OPCODE.text, end));
  const isOver = (): boolean => messagesOf(listener).at(-1)?.data.equals(end) === true;
  const hasHeard = await listener.until(isOver);
  return { relayed: messagesOf(listener).slice(before, -1), hasHeard };
}

function messagesOf(peer: RawPeer): Message[] {
  return peer.received
    .filter(({ opcode, payload }) => opcode < OPCODE.close && !isControlFrame(payload))
    .map(({ opcode, payload }) => ({ data: payload, binary: opcode === OPCODE.binary }));
}

function isControlFrame(payload: Buffer): boolean {
  return payload.subarray(0, CONTROL_FRAME_PREFIX.length).toString('latin1') === CONTROL_FRAME_PREFIX;
}

function isSame(a: Sight, b: Sight): boolean {
  return (
    a.stillOpen === b.stillOpen &&
    a.relayed.length === b.relayed.length &&
    a.relayed.every(({ data, binary }, index) => {
      const other = b.relayed[index];
      return other?.binary === binary && other.data.equals(data);
    }) &&
    a.pongs.length === b.pongs.length &&
    a.pongs.every((pong, index) => b.pongs[index]?.equals(pong))
  );
}

function shown(bytes: Buffer): string {
  return `${bytes.length} bytes ${bytes.subarray(0, 32).toString('hex')}`;
}
