import { ChannelState } from '../../../sidecar/fanout/channel-state';

describe('the state of a channel', () => {
  it.each([
    ['text', Buffer.from('{"ä":1}'), false, { text: '{"ä":1}' }],
    ['bytes that are no text', Buffer.of(0xff, 0x00, 0xfe), true, { base64: '/wD+' }],
  ])('of %s goes to plain clients as it is, and to others as a control frame', (_, value, binary, data) => {
    const state = new ChannelState(value);
    expect(state.frame.payload.equals(value)).toBe(true);
    expect(state.frame.binary).toBe(binary);
    const { kind, wire, payloadBytes } = state.control;
    expect(kind).toBe('state');
    expect(JSON.parse(wire.toString('utf8', wire.length - payloadBytes))).toEqual({
      type: 'bridge.state',
      data,
    });
  });

  it('is made once for all clients, of a copy', () => {
    const value = Buffer.from('old');
    const state = new ChannelState(value);
    value.write('new');
    expect(state.control).toBe(state.control);
    expect(state.frame.payload.toString()).toBe('old');
  });
});
