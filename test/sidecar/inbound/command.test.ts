import { commandEntry, parseCommand as parseWithin } from '../../../sidecar/inbound/command';

const MAX_VALUES = 1000;

function parseCommand(text: string): ReturnType<typeof parseWithin> {
  return parseWithin(text, MAX_VALUES);
}

const ORIGIN = {
  tenantId: 't',
  userId: 'u',
  roles: ['r1', 'r 2'],
  session: 's',
  requestId: 'r',
  trace: undefined,
};

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
    ['{"type":"x","type":"y"}', 'expected "type" once'],
    ['{"type":"x","\\u0074ype":"x"}', 'expected "type" once'],
    ['{"type":"x","data":1,"data":1}', 'expected "data" once'],
    ['{"type":"x","id":"a","data":1,"id":"b","data":2}', 'expected "id", "data" once'],
    ['{"type":"x","data":NaN}', 'expected JSON'],
    ['{"type":"x","data":[1,]}', 'expected JSON'],
    ['\ufeff{"type":"x"}', 'expected JSON'],
  ])('is not %s', (text, fault) => {
    expect(parseCommand(text)).toMatchObject({ fault: expect.stringContaining(fault) as string });
  });

  it('that is refused is named by its id', () => {
    expect(parseCommand('{"type":1,"id":"c9"}')).toMatchObject({ id: 'c9' });
    expect(parseCommand('{"type":"x","other":1,"id":"c9"}')).toMatchObject({ id: 'c9' });
  });

  it('that has two ids is named by neither', () => {
    expect(parseCommand('{"type":"x","id":"a","id":"b"}')).toMatchObject({ id: undefined });
    expect(parseCommand('{"type":"x","data":1,"data":2,"id":"c9"}')).toMatchObject({ id: 'c9' });
  });

  it.each([
    ...['9007199254740993', '1234567890123456789', '1e400', '-0', '1.0', '0.1234567890123456789', '1E+2'],
    ...[
      '{"a":1,"a":2}',
      '{"__proto__":{"a":1}}',
      '{"b":1,"2":1,"1":1}',
      '[ 1,\n\t2 ]',
      '"\\ud800"',
      '"\\u00e9\\/"',
      '"é\u2028🎉"',
    ],
  ])('hands its data on as it was written: %s', (data) => {
    const text = `{ "data" : ${data} , "id":"c1", "t\\u0079pe" : "\\u0061sk" }`;
    expect(parseCommand(text)).toEqual({ type: 'ask', dataJson: data, id: 'c1' });
  });

  it('nested deeper than PROTOCOL.md §3 says is refused', () => {
    const nested = (depth: number) => '['.repeat(depth) + ']'.repeat(depth);
    expect(parseCommand(`{"type":"x","data":${nested(64)}}`)).toMatchObject({ dataJson: nested(64) });
    for (const depth of [65, 100_000]) {
      expect(parseCommand(`{"type":"x","data":${nested(depth)},"id":"deep"}`)).toEqual({
        fault: 'expected "data" that is nested at most 64 deep',
        id: 'deep',
      });
    }
  });

  it('of more values than it may hold is refused', () => {
    const zeros = (count: number) => `[${Array(count).fill(0).join()}]`;
    const [most, tooMany] = [zeros(MAX_VALUES - 4), zeros(MAX_VALUES - 3)];
    expect(parseCommand(`{"type":"x","data":${most},"id":"c1"}`)).toMatchObject({ dataJson: most });
    expect(parseCommand(`{"type":"x","data":${tooMany},"id":"many"}`)).toEqual({
      fault:
        'expected at most 1000 values, each array, object, number, string and literal of the command counted',
      id: 'many',
    });
    const members = Array.from({ length: MAX_VALUES }, () => '"data":0').join();
    expect(parseCommand(`{"type":"x","id":"c2",${members}}`)).toMatchObject({ id: 'c2' });
  });

  it('that is too deep, or of too many values, is named by its id only where one need not read far', () => {
    const [deep, many] = ['['.repeat(100), `[${'0,'.repeat(MAX_VALUES)}0]`];
    for (const data of [deep, many]) {
      expect(parseCommand(`{"id":"c1","data":${data}`)).toMatchObject({ id: 'c1' });
      expect(parseCommand(`{"type":"x","id":"c1","data":${data}`)).toMatchObject({ id: 'c1' });
      expect(parseCommand(`{"data":${data},"id":"c1"}`)).toMatchObject({ id: 'c1' });
      expect(parseCommand(`{"data":${data},"id":"c1","type":"x"}`)).toMatchObject({ id: undefined });
      expect(parseCommand(`{"id":"c1","data":${data},"id":"c2"}`)).toMatchObject({ id: undefined });
    }
  });

  it('becomes the stream entry of PROTOCOL.md §3', () => {
    const command = { type: 'ask', dataJson: '{"q":1}', id: 'c1' };
    const entry = ['tenant', 't', 'user', 'u', 'roles', 'r1,r 2', 'session', 's'];
    const own = ['type', 'ask', 'data', '{"q":1}'];
    const end = ['request_id', 'r', 'time', '1700000000123'];
    expect(commandEntry(command, ORIGIN, 1_700_000_000_123)).toEqual([...entry, ...own, 'id', 'c1', ...end]);
    expect(commandEntry({ ...command, id: undefined }, ORIGIN, 1_700_000_000_123)).toEqual([
      ...entry,
      ...own,
      ...end,
    ]);
    const trace = { traceId: 'unused', traceparent: '00-1-2-01', tracestate: undefined };
    expect(commandEntry({ ...command, id: undefined }, { ...ORIGIN, trace }, 1_700_000_000_123)).toEqual([
      ...entry,
      ...own,
      ...end,
      ...['traceparent', '00-1-2-01'],
    ]);
  });
});
