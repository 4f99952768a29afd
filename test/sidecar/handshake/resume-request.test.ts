import { judge, statusOf, type Asked } from './judging';

const CHAT = '/ws/ai/chat';
const BRIDGE_V1 = { 'Sec-WebSocket-Protocol': 'x, bridge.v1' };
const POINT = { epoch: 'abc', offset: 7 };

/** @returns what a client asks for that names these */
async function askedBy(asked: Asked): Promise<unknown> {
  const judged = await judge(asked);
  return 'status' in judged ? judged.status : judged.bridgeV1;
}

function stream(query: string, ...ids: readonly string[]): Asked {
  return { url: `${CHAT}${query}`, purpose: 'http', headers: { 'Last-Event-ID': ids } };
}

describe('a client of bridge.v1', () => {
  it.each([
    ['', { from: undefined, lacksState: false }],
    ['?resume=abc.7', { from: POINT, lacksState: false }],
    ['?resume=oldest', { from: 'oldest', lacksState: false }],
    ['?resume=abc.7&state=missing', { from: POINT, lacksState: true }],
    ['?state=missing', { from: undefined, lacksState: true }],
    ['?state=other', { from: undefined, lacksState: false }],
    ['?resume=', 400],
    ['?resume=abc', 400],
    ['?resume=abc.7&resume=abc.7', 400],
    ['?resume=oldest&resume=oldest', 400],
  ])('that asks with "%s" comes to %j', async (query, outcome) => {
    expect(await askedBy({ url: `${CHAT}${query}`, headers: BRIDGE_V1 })).toEqual(outcome);
    // An event stream speaks it without a subprotocol.
    expect(await askedBy(stream(query))).toEqual(outcome);
  });
});

it.each(['?resume=abc.7', '?resume=abc'])(
  'a plain client that asks with "%s" resumes nothing',
  async (query) => {
    expect(await askedBy({ url: `${CHAT}${query}` })).toBeUndefined();
    const message = { url: `${CHAT}${query}&session=s1`, purpose: 'message', headers: BRIDGE_V1 } as const;
    expect(await askedBy(message)).toBeUndefined();
  },
);

describe('an event stream that goes on', () => {
  it.each([
    ['abc.7', { from: POINT, lacksState: false, sessionOfId: undefined }],
    ['abc.7&state=missing', { from: POINT, lacksState: true, sessionOfId: undefined }],
    ['abc.7&session=s1', { from: POINT, lacksState: false, sessionOfId: 's1' }],
    ['abc.7&state=missing&session=s1', { from: POINT, lacksState: true, sessionOfId: 's1' }],
    ['abc', 400],
    ['abc.7&session=', 400],
    ['abc.7&session=a.b', 400],
    [`abc.7&session=${'x'.repeat(129)}`, 400],
    ['abc.7&session=s1x&more', 400],
    ['x&abc.7', 400],
    ['abc.7&state=missing&state=missing', 400],
  ])('behind the event "%s" comes to %j', async (id, outcome) => {
    expect(await askedBy(stream('', id))).toEqual(outcome);
  });

  it('by its id, and not by its query, which is older', async () => {
    expect(await askedBy(stream('?resume=old.1', 'abc.7'))).toMatchObject({ from: POINT });
  });

  it('has one id', async () => {
    expect(await statusOf(stream('', 'abc.7', 'abc.7'))).toBe(400);
    // An empty one says nothing.
    expect(await statusOf(stream('', '', 'abc.7'))).toBe(101);
  });

  it('has no session on a route without any', async () => {
    const headers = { 'Last-Event-ID': 'abc.7&session=s1' };
    expect(await statusOf({ purpose: 'http', headers })).toBe(400);
    expect(await statusOf({ purpose: 'http', headers: { 'Last-Event-ID': 'abc.7' } })).toBe(101);
  });
});

describe('the session of an upgrade', () => {
  it('is the one that it names, or a new one', async () => {
    expect(await judge({ url: `${CHAT}?session=s1` })).toMatchObject({
      ...{ session: 's1', isNewSession: false },
      channels: ['ai:stream:s1'],
    });
    expect(await judge({ url: CHAT })).toMatchObject({
      ...{ session: 'made', isNewSession: true },
      channels: ['ai:stream:made'],
    });
  });

  it("is its last event's where its query names none, or the same", async () => {
    const mine = { session: 'mine', isNewSession: false };
    expect(await judge(stream('', 'abc.7&session=mine'))).toMatchObject(mine);
    expect(await judge(stream('?session=mine', 'abc.7&session=mine'))).toMatchObject(mine);
    expect(await judge(stream('?session=mine', 'abc.7'))).toMatchObject(mine);
    expect(await statusOf(stream('?session=other', 'abc.7&session=mine'))).toBe(400);
  });

  it.each(['?session=', '?session=a.b', '?session=a&session=a', `?session=${'x'.repeat(129)}`])(
    'is refused where the query is "%s"',
    async (query) => {
      expect(await statusOf({ url: CHAT + query })).toBe(400);
    },
  );

  it.each<Asked>([
    { url: `${CHAT}?session=a.b` },
    { url: CHAT, purpose: 'message' },
    stream('', 'abc'),
    stream('?resume=abc'),
    stream('?session=other', 'abc.7&session=mine'),
  ])('is refused with the words of what was expected: %j', async (asked) => {
    expect(await judge(asked)).toMatchObject({
      status: 400,
      message: expect.stringMatching(/^expected /) as string,
    });
  });

  it('is nothing on a route without sessions, whatever the query names', async () => {
    expect(await judge({ url: '/ws/notifications?session=a.b' })).toMatchObject({
      ...{ session: undefined, isNewSession: false },
    });
  });

  it('has to be there for a message, which opens none', async () => {
    expect(await statusOf({ url: CHAT, purpose: 'message' })).toBe(400);
    expect(await statusOf({ url: `${CHAT}?session=s1`, purpose: 'message' })).toBe(101);
    expect(await statusOf({ purpose: 'message' })).toBe(101);
  });
});
