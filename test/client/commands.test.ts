import { FakeBridge } from './fake-bridge';
import { codeOf, reopened, startChat } from './fixture';

describe('commands', () => {
  it('are fulfilled by their acknowledgement, with ids of their own', async () => {
    const { client, bridge } = await startChat();
    await Promise.all([client.send('message', { text: 'a' }), client.send('cancel')]);
    expect(bridge.taken.map(({ type }) => type)).toEqual(['message', 'cancel']);
    const ids = bridge.taken.map(({ id }) => id);
    expect(new Set(ids).size).toBe(2);
    expect(ids.every((id) => /^[A-Za-z0-9_-]{16,128}$/.test(id))).toBe(true);
  });

  it('wait while there is no connection, and go in order when there is', async () => {
    const rig = await startChat();
    rig.network.last.lose(1006);
    const sent = Promise.all([1, 2, 3].map((data) => rig.client.send('message', data)));
    expect(rig.bridge.messages).toEqual([]);
    await reopened(rig);
    await sent;
    expect(rig.bridge.taken.map(({ data }) => data)).toEqual([1, 2, 3]);
  });

  it('are sent again with the same id when the acknowledgement was lost, and acknowledged once', async () => {
    const rig = await startChat();
    rig.bridge.losesAcks = true;
    let fulfilled = 0;
    const sent = rig.client.send('message', 'x').then(() => (fulfilled += 1));
    rig.network.last.lose(1006);
    rig.bridge.losesAcks = false;
    await reopened(rig);
    await sent;
    expect(rig.bridge.messages).toHaveLength(2);
    expect(new Set(rig.bridge.messages).size).toBe(1);
    expect(rig.bridge.taken).toHaveLength(1);
    expect(fulfilled).toBe(1);
  });

  it('are not sent again once they are acknowledged', async () => {
    const rig = await startChat();
    await rig.client.send('message', 'x');
    rig.network.last.lose(1006);
    await reopened(rig);
    expect(rig.bridge.messages).toHaveLength(1);
  });

  it('are rejected with the code of the bridge.error that names them', async () => {
    const { client, bridge } = await startChat();
    bridge.refuses = 'TOO_MANY_MESSAGES';
    expect(await codeOf(client.send('message', 'x'))).toBe('TOO_MANY_MESSAGES');
    bridge.refuses = undefined;
    await client.send('message', 'y');
    expect(bridge.taken).toHaveLength(1);
  });

  it('are sent again with the same id after UNAVAILABLE, since Redis may have them, each time later', async () => {
    const { client, bridge, clock } = await startChat();
    bridge.refuses = 'UNAVAILABLE';
    const sent = client.send('message', 'x');
    // 0.5, 1, 2, 4, 8, 15 and 15 seconds apart, as reconnects are.
    await clock.advance(46_000);
    expect(bridge.messages).toHaveLength(1 + 7);
    expect(new Set(bridge.messages).size).toBe(1);
    bridge.refuses = undefined;
    await clock.advance(15_000);
    await sent;
    expect(bridge.taken).toHaveLength(1);
    bridge.refuses = 'UNAVAILABLE';
    void client.send('message', 'y').catch(() => undefined);
    await clock.advance(500);
    expect(bridge.messages).toHaveLength(8 + 1 + 2);
    client.close();
    expect(clock.pending).toBe(0);
  });

  it('keep their order when the bridge is unavailable: those that come later wait with those that wait', async () => {
    const { client, bridge, clock } = await startChat();
    bridge.refuses = 'UNAVAILABLE';
    const first = [1, 2].map((data) => client.send('message', data));
    bridge.refuses = undefined;
    const all = Promise.all([...first, client.send('message', 3)]);
    expect(bridge.taken).toEqual([]);
    await clock.advance(500);
    await all;
    expect(bridge.taken.map(({ data }) => data)).toEqual([1, 2, 3]);
    expect(clock.pending).toBe(1);
  });

  it('are sent again at once on the next connection, which may reach a bridge that is better off', async () => {
    const rig = await startChat({ backoffBaseMs: 60_000, backoffCapMs: 60_000 });
    rig.bridge.refuses = 'UNAVAILABLE';
    const sent = rig.client.send('message', 'x');
    rig.bridge.refuses = undefined;
    rig.network.last.lose(4401);
    await rig.clock.advance(0);
    await sent;
    expect(rig.bridge.taken).toHaveLength(1);
  });

  it('may be given their id, so that what is asked for again after an error is not run again', async () => {
    const { client, bridge } = await startChat();
    await client.send('message', 'x', 'order-7');
    await client.send('message', 'x', 'order-7');
    expect(bridge.messages).toHaveLength(2);
    expect(bridge.taken).toEqual([{ type: 'message', data: 'x', id: 'order-7' }]);
  });

  it('of one id that wait at the same time are one', async () => {
    const { client, bridge, network } = await startChat({ maxPendingCommands: 1 });
    bridge.losesAcks = true;
    const both = Promise.all([client.send('message', 'x', 'id'), client.send('message', 'x', 'id')]);
    expect(bridge.messages).toHaveLength(1);
    network.last.peer.send('{"type":"bridge.ack","data":{"id":"id"}}');
    expect(await both).toEqual([undefined, undefined]);
  });

  it('are sent again no sooner than their refusal says, nor later than retryAfterCapMs', async () => {
    const { client, bridge, network, clock } = await startChat({ retryAfterCapMs: 20_000 });
    bridge.losesAcks = true;
    const sent = client.send('message', 'x', 'c1');
    const refuse = (retryAfterMs: unknown): void => {
      const data = { code: 'UNAVAILABLE', message: 'no', id: 'c1', retryAfterMs };
      network.last.peer.send(JSON.stringify({ type: 'bridge.error', data }));
    };
    refuse(7_000);
    await clock.advance(7_499);
    expect(bridge.messages).toHaveLength(1);
    await clock.advance(1);
    expect(bridge.messages).toHaveLength(2);
    refuse(60_000);
    await clock.advance(20_999);
    expect(bridge.messages).toHaveLength(2);
    await clock.advance(1);
    expect(bridge.messages).toHaveLength(3);
    refuse('soon');
    await clock.advance(2_000);
    expect(bridge.messages).toHaveLength(4);
    expect(network.sockets).toHaveLength(1);
    network.last.peer.send('{"type":"bridge.ack","data":{"id":"c1"}}');
    await sent;
  });

  it.each(['', 'x'.repeat(129), 7, null])('are rejected with an id that no bridge takes', async (id) => {
    const { client, bridge } = await startChat();
    await expect(client.send('message', 'x', id as string)).rejects.toThrow(TypeError);
    expect(bridge.messages).toEqual([]);
  });

  it('that were sent are not sent again after commandTtlMs, when the bridge may have forgotten their id', async () => {
    const rig = await startChat({ commandTtlMs: 60_000 });
    rig.bridge.losesAcks = true;
    const sent = codeOf(rig.client.send('message', 'sent before'));
    rig.network.refusing = true;
    rig.network.last.lose(1006);
    const unsent = rig.client.send('message', 'not sent yet');
    await rig.clock.advance(60_001);
    rig.bridge.losesAcks = false;
    rig.network.refusing = false;
    await reopened(rig);
    expect(await sent).toBe('UNCONFIRMED');
    await unsent;
    expect(rig.bridge.messages).toHaveLength(2);
    expect(rig.bridge.taken.map(({ data }) => data)).toEqual(['sent before', 'not sent yet']);
  });

  it('that were sent are sent again up to commandTtlMs, whatever became of them in the meantime', async () => {
    const rig = await startChat({ commandTtlMs: 60_000 });
    rig.bridge.refuses = 'UNAVAILABLE';
    const sent = codeOf(rig.client.send('message', 'x'));
    await rig.clock.advance(60_000);
    expect(rig.client.state).toBe('open');
    const count = rig.bridge.messages.length;
    expect(count).toBeGreaterThan(5);
    await rig.clock.advance(30_000);
    expect(await sent).toBe('UNCONFIRMED');
    expect(rig.bridge.messages).toHaveLength(count);
  });

  it('are rejected when as many wait as may', async () => {
    const { client, bridge } = await startChat({ maxPendingCommands: 2 });
    bridge.losesAcks = true;
    const waiting = [client.send('message', 1), client.send('message', 2)];
    expect(await codeOf(client.send('message', 3))).toBe('QUEUE_FULL');
    expect(bridge.messages).toHaveLength(2);
    client.close();
    expect(await Promise.all(waiting.map(codeOf))).toEqual(['CLOSED', 'CLOSED']);
  });

  it('that cancel answers wait beside the others, as many again at most', async () => {
    const { client, bridge } = await startChat({ maxPendingCommands: 2 });
    bridge.losesAcks = true;
    const waiting = [1, 2].map((data) => client.send('message', data));
    waiting.push(...['a', 'b'].map((id) => client.send('cancel', { id })));
    expect(await codeOf(client.send('cancel', { id: 'c' }))).toBe('QUEUE_FULL');
    expect(await codeOf(client.send('message', 3))).toBe('QUEUE_FULL');
    expect(bridge.messages).toHaveLength(4);
    client.close();
    expect(await Promise.all(waiting.map(codeOf))).toEqual(Array(4).fill('CLOSED'));
  });

  it('are rejected on a route that has no session, and not relayed to peers', async () => {
    const bridge = new FakeBridge();
    bridge.session = undefined;
    const rig = await startChat({}, bridge);
    expect(await codeOf(rig.client.send('message', 1))).toBe('NO_COMMANDS');
    rig.network.last.lose(1006);
    const waiting = codeOf(rig.client.send('message', 2));
    await reopened(rig);
    expect(await waiting).toBe('NO_COMMANDS');
    expect(bridge.messages).toEqual([]);
  });

  it('are rejected when the bridge says that the route takes no messages', async () => {
    const { client, bridge } = await startChat();
    bridge.losesAcks = true;
    const refused: unknown[] = [];
    client.on('refused', (error) => refused.push(error));
    const waiting = codeOf(client.send('message', 1));
    bridge.refuseNameless('READ_ONLY');
    expect(await waiting).toBe('READ_ONLY');
    expect(refused).toEqual([{ code: 'READ_ONLY', message: 'no' }]);
  });

  it('are rejected when their data cannot be written as JSON, and leave nothing behind', async () => {
    const { client, bridge } = await startChat();
    await expect(client.send('message', 1n)).rejects.toThrow(TypeError);
    await client.send('message', 2);
    expect(bridge.taken).toHaveLength(1);
  });
});
