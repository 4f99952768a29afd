import { once } from 'node:events';
import type { IncomingMessage } from 'node:http';
import { DEFAULT_HEADER_NAMES } from '../../../protocol/headers';
import type { Connection } from '../../../sidecar/connection/connection';
import type { ClientSocket, FrameStream } from '../../../sidecar/fanout/client-socket';
import { FrameBounds } from '../../../sidecar/handshake/frame-bounds';
import { upgradeRequestReader } from '../../../sidecar/handshake/upgrade-request';
import { WebSocketOpening } from '../../../sidecar/handshake/web-socket-opening';
import { forbidden } from '../../../sidecar/http/refusal';
import { LoopShares } from '../../../sidecar/lib/loop-shares';
import { TimerWheel } from '../../../sidecar/lib/timer-wheel';
import { BridgeSocket } from '../../../sidecar/websocket/bridge-socket';
import { eventually } from '../fixture';
import { judge, rawOf, type Asked } from './judging';
import { NotedSocket } from './noted-socket';

/** An upgrade that was admitted, and its opening. */
async function opening(asked: Asked = {}, head = Buffer.alloc(0)) {
  const admission = await judge(asked);
  if ('status' in admission) throw new Error(admission.message);
  const socket = new NotedSocket();
  const made = new WebSocketOpening(
    { message: (await rawOf(asked)) as unknown as IncomingMessage, socket, head },
    {
      bounds: new FrameBounds({
        messageSizes: { any: 10, commands: 10, refuse: 10, relay: 10 },
        maxFragments: 1,
      }),
      read: upgradeRequestReader(DEFAULT_HEADER_NAMES),
      subprotocols: new Set(['json']),
      timers: { wheel: new TimerWheel(10, 1024, 0), monotonicMs: () => 0 },
    },
  );
  const served: (readonly [ClientSocket, FrameStream])[] = [];
  const nothing = (): void => undefined;
  const reader = {
    shares: LoopShares.uncut(),
    tenantId: 'acme',
    frameBytesLeft: 0,
    read: nothing,
    keeps: nothing,
  };
  const connection = reader as unknown as Connection;
  const admit = (): void => {
    made.admit(admission, connection, (...all) => void served.push(all));
  };
  return { made, admission, socket, served, connection, admit };
}

const offers = (list: string): Asked => ({ headers: { 'Sec-WebSocket-Protocol': list } });

describe('an upgrade that is admitted', () => {
  it('is answered with 101 and served, and its connection tells how its bytes are read', async () => {
    const { admit, socket, served, connection } = await opening();
    admit();
    expect(socket.text).toMatch(/^HTTP\/1\.1 101 /);
    // RFC 6455 §1.3 has this key and this answer.
    expect(socket.text).toContain('Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n');
    const [[served1, stream] = []] = served;
    expect(served1).toBeInstanceOf(BridgeSocket);
    expect((served1 as BridgeSocket).reader).toBe(connection);
    expect(stream).toBe(socket);
    socket.destroy();
  });

  it.each([
    ['x, json', 'json'],
    ['json, bridge.v1', 'bridge.v1'],
    ['x', undefined],
  ])('and offers "%s" agrees to %s', async (list, agreed) => {
    const { admit, socket } = await opening(offers(list));
    admit();
    expect(/^Sec-WebSocket-Protocol: (.*)\r$/m.exec(socket.text)?.[1]).toBe(agreed);
    socket.destroy();
  });

  it('is not served where its client is gone by now', async () => {
    const { admit, socket, served } = await opening();
    socket.destroy();
    admit();
    expect([served, socket.text]).toEqual([[], '']);
  });

  it('has the bytes that came behind it read', async () => {
    // A text of 11 bytes, one more than may be, from a client.
    const head = Buffer.concat([Buffer.of(0x81, 0x8b, 0, 0, 0, 0), Buffer.alloc(11, 'x')]);
    const { admit, socket } = await opening({}, head);
    admit();
    const answered = socket.text.length;
    // 1009 (RFC 6455 §7.4.1).
    await eventually(() => socket.text.length > answered);
    expect(socket.text.slice(answered)).toContain('\x88\x02\x03\xf1');
    socket.destroy();
  });
});

describe('an upgrade that is forbidden', () => {
  it('is told so by a close code where a browser may have sent it', async () => {
    const { made, admission, socket } = await opening({ headers: { Origin: 'https://app.example' } });
    expect(made.forbid(admission, 'not yours')).toBe(true);
    expect(socket.text).toMatch(/^HTTP\/1\.1 101 /);
    // 4403.
    expect(socket.text).toContain('\x11\x33not yours');
    socket.destroy();
  });

  it('is told so by nothing but the answer where none has', async () => {
    const { made, admission, socket } = await opening();
    expect(made.forbid(admission, 'not yours')).toBe(false);
    expect(socket.text).toBe('');
    made.refuse(forbidden('not yours'));
    await once(socket, 'finish');
    expect(socket.text).toMatch(/^HTTP\/1\.1 403 [^]*\{"message":"not yours"\}$/);
  });
});
