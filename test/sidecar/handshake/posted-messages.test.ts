import type { IncomingMessage, ServerResponse } from 'node:http';
import { PassThrough } from 'node:stream';
import { pino } from 'pino';
import { PostedMessages, type PostContext } from '../../../sidecar/handshake/posted-messages';
import { unavailable } from '../../../sidecar/http/refusal';
import { openEnvelope } from '../../../sidecar/fanout/peer-envelope';
import { deferred } from '../../../sidecar/lib/promises';
import { ByteOwners } from '../../../sidecar/quotas/byte-owners';
import { policyOf, rawOf, type Asked } from './judging';

const DOCUMENT = '/ws/collaboration/d1';
const CHAT = '/ws/ai/chat?session=s1';
const COMMAND = '{"type":"ask","id":"c1"}';
const MAX_PENDING = 8;
const MINE = { isForeign: false, isNew: false, bridges: [] };

/** An answer, once it is there. */
interface Answer {
  readonly status: number;
  readonly body: string;
}

/** An answer that is written down. */
class NotedResponse {
  destroyed = false;
  readonly answers: Answer[] = [];
  readonly headers: unknown[] = [];
  #status = 0;

  setHeader(...header: readonly string[]): this {
    this.headers.push(header);
    return this;
  }
  writeHead(status: number): this {
    this.#status = status;
    return this;
  }
  end(body: string): void {
    this.answers.push({ status: this.#status, body });
  }
}

interface Changes extends Partial<PostContext> {
  readonly lookUp?: (...asked: unknown[]) => Promise<unknown>;
  readonly owners?: ByteOwners;
  /** Resolves once a tenant may send on. */
  readonly released?: (tenantId: string) => Promise<void>;
}

/** Messages that are posted, and all that is done for them. */
async function posting({
  lookUp = () => Promise.resolve(MINE),
  owners,
  released = () => Promise.resolve(),
  ...changes
}: Changes = {}) {
  const published: [channel: string, message: Buffer, tenantId: string][] = [];
  const lines: Record<string, unknown>[] = [];
  const commands: unknown[] = [];
  const counted: unknown[] = [];
  const traffic = { messagesReceived: 0, bytesReceived: 0 };
  const any = { perSecond: 1, burst: 1e9 };
  const byteOwners = owners ?? new ByteOwners({ socket: any, user: any, tenant: any });
  const context = {
    policy: await policyOf(),
    sessions: { lookUp },
    messages: {
      sink: {
        addCommand: (command: unknown) =>
          Promise.resolve(commands.push(command) > 0 ? 'added' : 'over share'),
        publish: (...all: [channel: string, message: Buffer, tenantId: string]) =>
          Promise.resolve(published.push(all)),
        holds: () => false,
        released,
      },
      byteOwners: { commands: byteOwners, relay: byteOwners },
      now: () => 0,
      monotonicMs: () => 0,
    },
    messageSizes: { any: 1000, commands: 1000, refuse: 1000, relay: 1000 },
    maxCommandValues: 10,
    maxPendingPosts: MAX_PENDING,
    timeoutMs: 10_000,
    refusalOf: () => undefined,
    metrics: {
      posted: (...post: unknown[]) => void counted.push(post),
      ofRoute: () => ({
        traffic,
        messageRefused: (code: string) => void counted.push(code),
        bytesRefused: (...refused: unknown[]) => void counted.push(refused),
      }),
    },
    log: pino({ level: 'debug' }, { write: (line: string) => void lines.push(JSON.parse(line) as never) }),
    ...changes,
  } as unknown as PostContext;
  const posts = new PostedMessages(context);
  /** Begins a message, whose content comes on the stream that is returned. */
  const begin = async (asked: Asked, response = new NotedResponse()) => {
    const body = new PassThrough();
    const request = Object.assign(body, await rawOf({ purpose: 'message', method: 'POST', ...asked }), {
      headers: { 'content-type': asked.headers?.['Content-Type'] },
    });
    const done = posts.handle(request as unknown as IncomingMessage, response as unknown as ServerResponse);
    return { body, response, done };
  };
  const post = async (asked: Asked, text: string | Buffer = 'a'): Promise<Answer | undefined> => {
    const { body, response, done } = await begin(asked);
    body.end(text);
    await done;
    return response.answers[0];
  };
  return { posts, begin, post, published, commands, counted, traffic, lines };
}

const of = (tenant: string): Asked => ({ url: DOCUMENT, caller: { tenant } });
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe('messages on their way', () => {
  it('are a quarter of all at most for one tenant, until one of its own is done', async () => {
    const { posts, begin, post } = await posting();
    const first = await begin(of('acme'));
    const second = await begin(of('acme'));
    await turn();
    expect(posts.pending).toBe(2);
    expect(await post(of('acme'))).toMatchObject({ status: 429 });
    expect(await post(of('other'))).toMatchObject({ status: 202 });
    first.body.end('a');
    await first.done;
    expect(await post(of('acme'))).toMatchObject({ status: 202 });
    const third = await begin(of('acme'));
    await turn();
    expect(await post(of('acme'))).toMatchObject({ status: 429 });
    for (const { body, done } of [second, third]) {
      body.end('a');
      await done;
    }
    expect(posts.pending).toBe(0);
    expect(await post(of('acme'))).toMatchObject({ status: 202 });
  });

  it('are so many at most, until one of them is done', async () => {
    const { posts, begin, post } = await posting();
    const tenants = Array.from({ length: MAX_PENDING }, (_, index) => of(`t${index}`));
    const begun = [];
    for (const tenant of tenants) begun.push(await begin(tenant));
    await turn();
    expect(posts.pending).toBe(MAX_PENDING);
    expect(await post(of('other'))).toMatchObject({ status: 503 });
    begun[0]?.body.destroy();
    await begun[0]?.done;
    expect(await post(of('other'))).toMatchObject({ status: 202 });
    for (const { body } of begun) body.destroy();
    await Promise.all(begun.map(({ done }) => done));
    expect(posts.pending).toBe(0);
  });

  it('may be one of each tenant, however few may be', async () => {
    const { post } = await posting({ maxPendingPosts: 1 });
    expect(await post(of('acme'))).toMatchObject({ status: 202 });
  });
});

describe('a message that is posted', () => {
  it('and refused before it is read is read to its end, so that its sender gets to the answer', async () => {
    const { begin } = await posting();
    const { body, response, done } = await begin({ ...of('acme'), headers: { 'X-Tenant-ID': 'other' } });
    await done;
    expect(response.answers).toMatchObject([{ status: 401 }]);
    expect(JSON.parse(response.answers[0]?.body ?? '')).toEqual({
      message: 'expected one X-Tenant-ID that agrees with the assertion',
    });
    expect(body.readableFlowing).toBe(true);
  });

  it('is refused when its caller is by the time that it is there whole', async () => {
    let isClosing = false;
    const asked: unknown[] = [];
    const { begin, published, traffic } = await posting({
      refusalOf: (caller, path) => {
        asked.push([caller.identity.tenantId, path]);
        return isClosing ? unavailable('the bridge is closing') : undefined;
      },
    });
    const { body, response, done } = await begin(of('acme'));
    await turn();
    isClosing = true;
    body.end('a');
    await done;
    expect(response.answers).toMatchObject([{ status: 503 }]);
    expect(asked).toEqual([['acme', DOCUMENT]]);
    expect(published).toEqual([]);
    expect(traffic.messagesReceived).toBe(0);
  });

  it('is refused when its caller is by the time that it may go', async () => {
    const held = deferred<undefined>();
    let isRevoked = false;
    const { begin, published } = await posting({
      released: () => held.promise,
      refusalOf: () => (isRevoked ? unavailable('the bridge is closing') : undefined),
    });
    const { body, response, done } = await begin(of('acme'));
    body.end('a');
    await turn();
    isRevoked = true;
    held.resolve(undefined);
    await done;
    expect(response.answers).toMatchObject([{ status: 503 }]);
    expect(published).toEqual([]);
  });

  it('is answered on a connection that takes no other, so that a drain waits for none', async () => {
    const { begin } = await posting();
    const { body, response, done } = await begin(of('acme'));
    body.end('a');
    await done;
    expect(response.headers).toEqual([['Connection', 'close']]);
  });

  it('is refused when it is larger than its route takes', async () => {
    const { post, published } = await posting();
    expect(await post(of('acme'), 'x'.repeat(1001))).toMatchObject({ status: 413 });
    expect(await post(of('acme'), 'x'.repeat(1000))).toMatchObject({ status: 202 });
    expect(published).toHaveLength(1);
  });

  it('is refused when it does not come whole', async () => {
    const { begin, published } = await posting();
    const { body, response, done } = await begin(of('acme'));
    await turn();
    body.write('a');
    body.destroy();
    await done;
    expect(response.answers).toMatchObject([{ status: 400 }]);
    expect(published).toEqual([]);
  });

  it('is answered to nobody when its client is gone', async () => {
    const { begin, counted } = await posting();
    const { body, response, done } = await begin(of('acme'));
    response.destroyed = true;
    body.end('a');
    await done;
    expect(response.answers).toEqual([]);
    expect(counted).toEqual([['collaboration', 'taken']]);
  });

  it('is answered with 500 when something fails, and nothing is left of it', async () => {
    const { posts, post, counted } = await posting({
      refusalOf: () => {
        throw new Error('a fault');
      },
    });
    expect(await post(of('acme'))).toMatchObject({ status: 500 });
    expect(posts.pending).toBe(0);
    expect(counted).toEqual([[undefined, 'failed']]);
  });

  it('is counted, and what is refused of it', async () => {
    const { post, counted, traffic } = await posting();
    await post({ url: DOCUMENT }, 'abc');
    await post({ url: DOCUMENT, caller: { access: 'read' } }, 'abcd');
    await post({ url: '/ws/notifications' }, 'abcde');
    expect(counted).toEqual([
      ['collaboration', 'taken'],
      ['read_only', 4],
      'READ_ONLY',
      ['collaboration', 'message_refused'],
      ['read_only', 5],
      'READ_ONLY',
      ['notifications', 'message_refused'],
    ]);
    expect(traffic).toEqual({ messagesReceived: 3, bytesReceived: 12 });
  });

  it('goes to the channel of its route, and asks for no session where there are none', async () => {
    const lookUp = jest.fn(() => Promise.resolve(MINE));
    const { post, published } = await posting({ lookUp });
    await post({ url: DOCUMENT });
    expect(published).toMatchObject([['acme:collaboration:d1', {}, 'acme']]);
    expect(lookUp).not.toHaveBeenCalled();
  });

  it('goes out once its tenant may send on, and not at all when it is answered with 503 before', async () => {
    const turns: (() => void)[] = [];
    const asked: string[] = [];
    const released = (tenantId: string) => {
      asked.push(tenantId);
      return new Promise<void>((resolve) => turns.push(resolve));
    };
    const hasty = await posting({ released, timeoutMs: 50 });
    expect(await hasty.post({ url: DOCUMENT }, 'late')).toMatchObject({ status: 503 });
    turns.shift()?.();
    await turn();
    expect([hasty.published, hasty.posts.pending, asked]).toEqual([[], 0, ['acme']]);
    const { begin, published } = await posting({ released });
    const { body, response, done } = await begin({ url: DOCUMENT });
    body.end('in time');
    while (turns.length === 0) await turn();
    expect(published).toEqual([]);
    turns.shift()?.();
    await done;
    expect([response.answers.map(({ status }) => status), published.length]).toEqual([[202], 1]);
  });

  it('waits for nothing of the kind where it is a command', async () => {
    const { post } = await posting({ released: () => new Promise(() => undefined) });
    expect(await post({ url: CHAT }, COMMAND)).toMatchObject({ status: 202 });
  });

  it('is not handed to Redis once it was answered that it took too long', async () => {
    let told: (standing: typeof MINE) => void = () => undefined;
    const lookUp = () => new Promise((resolve) => (told = resolve));
    const { post, commands } = await posting({ lookUp, timeoutMs: 20 });
    expect(await post({ url: CHAT }, COMMAND)).toMatchObject({ status: 503 });
    told(MINE);
    await turn();
    expect(commands).toEqual([]);
  });

  it.each<[string, string | Buffer, string | undefined, boolean]>([
    ['text', 'grün', undefined, false],
    ['text that says so', 'grün', 'text/plain', false],
    ['text that says that it is bytes', 'grün', 'application/octet-stream;a=b', true],
    ['bytes that are no text', Buffer.of(0xff), 'text/plain', true],
  ])('goes out as it is: %s', async (_, text, type, binary) => {
    const { post, published } = await posting();
    await post({ url: DOCUMENT, headers: { 'Content-Type': type } }, text);
    const payload = Buffer.from(text);
    expect(published.map(([, message]) => openEnvelope(message))).toMatchObject([{ binary, payload }]);
  });

  it('has one line in the log, which says whose it was and why it was refused', async () => {
    const { post, lines } = await posting();
    await post({ url: DOCUMENT });
    await post({ url: '/ws/notifications' });
    await post({ url: DOCUMENT, headers: { 'X-Tenant-ID': 'other' } });
    const mine = { tenant: 'acme', user: 'alice' };
    expect(lines).toMatchObject([
      { level: 20, outcome: 'taken', status: 202, route: 'collaboration', ...mine },
      { level: 30, outcome: 'message_refused', status: 403, route: 'notifications', ...mine },
      { level: 30, outcome: 'unauthorized', status: 401, route: 'collaboration' },
    ]);
    expect(lines.map((line) => typeof line['reason'])).toEqual(['undefined', 'string', 'string']);
  });

  it('under a name goes out under it, and otherwise under a new one each time', async () => {
    const { post, published } = await posting();
    const name = Buffer.alloc(16, 7);
    await post({ url: `${DOCUMENT}?peer=${name.toString('base64url')}` });
    await post({ url: DOCUMENT });
    await post({ url: DOCUMENT });
    const [named, ...others] = published.map(([, message]) => openEnvelope(message)?.sender.toString('hex'));
    expect(named).toBe(name.toString('hex'));
    expect(new Set(others).size).toBe(2);
  });
});

describe('a name of a sender', () => {
  it.each(['', 'short', `${'A'.repeat(22)}&peer=${'A'.repeat(22)}`])(
    'such as "%s" is refused where messages are relayed, and is nothing elsewhere',
    async (name) => {
      const { post, published } = await posting();
      expect(await post({ url: `${DOCUMENT}?peer=${name}` })).toMatchObject({ status: 400 });
      expect(published).toEqual([]);
      expect(await post({ url: `${CHAT}&peer=${name}` }, COMMAND)).toMatchObject({ status: 202 });
    },
  );
});

describe('a command that is posted', () => {
  it.each([
    ['c2', 'c2'],
    ['"c2"', 'c2'],
    // No string of RFC 9651, but a text.
    ['x"c2"', 'x"c2"'],
    ['"c2"x', '"c2"x'],
  ])('counts once by its Idempotency-Key %s, which is %s', async (key, id) => {
    const { post, commands } = await posting();
    const asked = { url: CHAT, headers: { 'Idempotency-Key': key } };
    const answer = await post(asked, '{"type":"ask"}');
    expect(answer?.status).toBe(202);
    expect(JSON.parse(answer?.body ?? '')).toEqual({ type: 'bridge.ack', data: { id } });
    expect(commands).toMatchObject([{ onceId: id, session: 's1', tenantId: 'acme' }]);
  });

  it.each([
    ['its sender’s', 202, MINE],
    ['somebody else’s', 403, { ...MINE, isForeign: true }],
    ['nobody’s yet', 409, { ...MINE, isNew: true }],
  ])('to a session that is %s is answered with %i', async (_, status, standing) => {
    const asked: unknown[][] = [];
    const lookUp = (...all: unknown[]) => {
      asked.push(all);
      return Promise.resolve(standing);
    };
    const { post, commands } = await posting({ lookUp });
    expect(await post({ url: CHAT }, COMMAND)).toMatchObject({ status });
    expect(asked).toEqual([['s1', 'acme', 'alice']]);
    expect(commands).toHaveLength(status === 202 ? 1 : 0);
  });

  it('is refused with 503 when nobody tells in time whose its session is, and is not added', async () => {
    const lookUp = () => new Promise(() => undefined);
    const { post, posts, commands } = await posting({ lookUp, timeoutMs: 20 });
    expect(await post({ url: CHAT }, COMMAND)).toMatchObject({ status: 503 });
    expect(posts.pending).toBe(0);
    expect(commands).toEqual([]);
  });

  it('over its user’s rate is not added, and not asked about', async () => {
    const little = { perSecond: 1, burst: 300 };
    const owners = new ByteOwners({ socket: little, user: little, tenant: little });
    const lookUp = jest.fn(() => Promise.resolve(MINE));
    const { post, commands, counted } = await posting({ lookUp, owners });
    expect(await post({ url: CHAT }, COMMAND)).toMatchObject({ status: 202 });
    const over = await post({ url: CHAT }, COMMAND);
    expect(over).toMatchObject({ status: 429 });
    expect(JSON.parse(over?.body ?? '')).toMatchObject({ code: 'TOO_MANY_MESSAGES', id: 'c1' });
    expect(lookUp).toHaveBeenCalledTimes(1);
    expect(commands).toHaveLength(1);
    expect(counted).toContainEqual(['user_bytes', COMMAND.length]);
  });
});
