import { commandEntry, parseCommand } from '../../sidecar/commands';

const ORIGIN = { tenantId: 't', userId: 'u', session: 's', requestId: 'r', trace: undefined };

describe('a command', () => {
  it('is an object with a type, data of any JSON and an id', () => {
    const text = '{"type":"ask","data":{"q":[1,null]},"id":"c1"}';
    expect(parseCommand(text)).toEqual({ type: 'ask', dataJson: '{"q":[1,null]}', id: 'c1' });
  });

  it('needs neither data, which is null then, nor an id', () => {
    expect(parseCommand('{"type":"stop"}')).toEqual({ type: 'stop', dataJson: 'null', id: undefined });
  });

  it.each([
    ['', 'expected JSON'],
    ['{"type":"x"', 'expected JSON'],
    ['[]', 'expected a JSON object'],
    ['null', 'expected a JSON object'],
    ['"ask"', 'expected a JSON object'],
    ['{}', 'expected "type"'],
    ['{"type":""}', 'expected "type"'],
    ['{"type":1}', 'expected "type"'],
    [`{"type":"${'x'.repeat(65)}"}`, 'expected "type"'],
    ['{"type":"bridge.ack"}', 'expected "type"'],
    ['{"type":"\\ud800"}', 'expected "type"'],
    ['{"type":"x","id":""}', 'expected "id"'],
    ['{"type":"x","id":7}', 'expected "id"'],
    ['{"type":"x","session":"other"}', 'expected a JSON object'],
    ['{"type":"x","__proto__":{}}', 'expected a JSON object'],
  ])('is not %s', (text, fault) => {
    expect(parseCommand(text)).toMatchObject({ fault: expect.stringContaining(fault) as string });
  });

  it('that is refused is named by its id', () => {
    expect(parseCommand('{"type":1,"id":"c9"}')).toMatchObject({ id: 'c9' });
    expect(parseCommand('{"type":"x","other":1,"id":"c9"}')).toMatchObject({ id: 'c9' });
  });

  it('nested deeper than it could be written again is refused', () => {
    const data = '['.repeat(100_000) + ']'.repeat(100_000);
    expect(parseCommand(`{"type":"x","data":${data},"id":"deep"}`)).toEqual({
      fault: 'expected "data" that is nested less deeply',
      id: 'deep',
    });
  });

  it('becomes the stream entry of PROTOCOL.md §3', () => {
    const command = { type: 'ask', dataJson: '{"q":1}', id: 'c1' };
    const entry = ['tenant', 't', 'user', 'u', 'session', 's', 'type', 'ask', 'data', '{"q":1}'];
    const end = ['request_id', 'r', 'time', '1700000000123'];
    expect(commandEntry(command, ORIGIN, 1_700_000_000_123)).toEqual([...entry, 'id', 'c1', ...end]);
    expect(commandEntry({ ...command, id: undefined }, ORIGIN, 1_700_000_000_123)).toEqual([
      ...entry,
      ...end,
    ]);
    const trace = { traceId: 'unused', traceparent: '00-1-2-01', tracestate: undefined };
    expect(commandEntry({ ...command, id: undefined }, { ...ORIGIN, trace }, 1_700_000_000_123)).toEqual([
      ...entry,
      ...end,
      ...['traceparent', '00-1-2-01'],
    ]);
  });
});
