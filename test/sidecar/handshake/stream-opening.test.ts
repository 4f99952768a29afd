import type { IncomingMessage, ServerResponse } from 'node:http';
import { DEFAULT_HEADER_NAMES } from '../../../protocol/headers';
import type { Connection } from '../../../sidecar/connection/connection';
import type { ClientSocket, FrameStream } from '../../../sidecar/fanout/client-socket';
import { encodeFrame } from '../../../sidecar/fanout/frame-encoding';
import { StreamOpening } from '../../../sidecar/handshake/stream-opening';
import { upgradeRequestReader } from '../../../sidecar/handshake/upgrade-request';
import { forbidden } from '../../../sidecar/http/refusal';
import { judge, rawOf, type Asked } from './judging';

const CHAT = '/ws/ai/chat';
const DASHBOARD = '/ws/bi/dashboards/d1';

/** A stream asks it nothing until it is served. */
const NOBODY = {} as unknown as Connection;

/** An answer that is written down. */
function notedResponse() {
  const written: unknown[] = [];
  const response = {
    socket: {},
    req: {},
    on: () => response,
    once: () => response,
    writeHead: (status: number) => {
      written.push(status);
      return response;
    },
    flushHeaders: () => undefined,
    write: (bytes: Buffer) => written.push(bytes.toString()) > 0,
    end: (text: string) => void written.push(text),
  };
  return { written, response: response as unknown as ServerResponse };
}

/** A request for a stream that was admitted, and what came of its opening. */
async function opened(asked: Asked, socket = { destroyed: false, writable: true }) {
  const admission = await judge({ ...asked, purpose: 'http' });
  if ('status' in admission) throw new Error(admission.message);
  const { written, response } = notedResponse();
  const message = { ...(await rawOf(asked)), socket };
  const opening = new StreamOpening(
    message as unknown as IncomingMessage,
    response,
    upgradeRequestReader(DEFAULT_HEADER_NAMES),
    () => 0,
  );
  const served: (readonly [ClientSocket, FrameStream])[] = [];
  opening.admit(admission, NOBODY, (...all) => void served.push(all));
  return { opening, admission, served, written };
}

/** @returns the id of the first event of a stream that goes on, or begins, at abc.5 */
async function firstId(url: string, lastEventId?: string, resumed = false): Promise<string | undefined> {
  const { served, written } = await opened({ url, headers: { 'Last-Event-ID': lastEventId } });
  const data = JSON.stringify({ epoch: 'abc', offset: 5, resumed });
  served[0]?.[1].write(encodeFrame(Buffer.from(`{"type":"bridge.ready","data":${data}}`), false));
  return /^id: (.*)$/m.exec(String(written.at(-1)))?.[1];
}

describe('a stream that is opened', () => {
  it('is answered with 200 and served', async () => {
    const { served, written } = await opened({ url: CHAT });
    expect(served).toHaveLength(1);
    expect(written).toEqual([200]);
  });

  it.each([
    ['cut', { destroyed: true, writable: true }],
    ['ended', { destroyed: false, writable: false }],
  ])('is not where its connection is %s by now', async (_, socket) => {
    const { served, written } = await opened({ url: CHAT }, socket);
    expect([served, written]).toEqual([[], []]);
  });

  it.each<[string, string, string | undefined, boolean, string | undefined]>([
    ['its session where its URL names none', CHAT, undefined, false, 'abc.5&session=made'],
    ['no session where its URL names it', `${CHAT}?session=s1`, undefined, false, 'abc.5'],
    ['that it lacks a state, at its beginning', DASHBOARD, undefined, false, 'abc.5&state=missing'],
    ['that it lacks none where it has resumed', DASHBOARD, 'abc.5', true, 'abc.5'],
    ['that it lacks one still', DASHBOARD, 'abc.5&state=missing', true, 'abc.5&state=missing'],
    ['nothing while a gap is owed', DASHBOARD, 'abc.5', false, undefined],
    ['no state where its route has none', '/ws/notifications', undefined, false, 'abc.5'],
  ])('has in its ids %s', async (_, url, lastEventId, resumed, id) => {
    expect(await firstId(url, lastEventId, resumed)).toBe(id);
  });
});

describe('a stream that is refused', () => {
  it('is answered, since every client can read that: also that it need not come back', async () => {
    const { opening, written } = await opened({ url: CHAT }, { destroyed: true, writable: true });
    expect(opening.forbid()).toBe(false);
    expect(written).toEqual([]);
    opening.refuse(forbidden('not yours'));
    expect(written).toEqual([403, '{"message":"not yours","closeCode":4403}']);
  });
});
