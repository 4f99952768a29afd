import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { beforeAll, expect, it } from '@jest/globals';
import { agUiEvents } from '../../client/src/ag-ui';
import type { AnswerPart, Completion, Parts } from '../../client/src/answer';
import { BridgeClientError } from '../../client/src/errors';
import { describeWithPeers, installPeers, PEERS } from './installed';

interface Names {
  readonly EventType: Readonly<Record<string, string>>;
}
interface Schemas {
  readonly EventSchemas: { parse(event: object): object };
}
interface Observable {
  pipe(operator: unknown): { subscribe(observer: object): void };
}

let core: Names & Schemas;
beforeAll(async () => {
  if (process.env['PEER_PACKAGES'] !== 'install') return;
  await installPeers();
  core = { ...(PEERS.load('@ag-ui/core') as Names), ...(PEERS.load('@ag-ui/core/schemas') as Schemas) };
}, 300_000);

const part = (type: string, data: object): AnswerPart => ({ frame: { type, data }, token: undefined });
const token = (text: string): AnswerPart => ({ frame: { type: 'token' }, token: text });
const PARTS = [
  part('status', { text: 'thinking' }),
  part('step_start', {}),
  part('step_start', {}),
  token('a'),
  part('tool_call', { id: 't1', name: 'sql', input: { query: 'SELECT 1' } }),
  token('b'),
  part('tool_result', { id: 't1', output: [1] }),
  part('step_complete', {}),
  part('chart', { kind: 'bar' }),
  token('c'),
];

async function eventsOf(parts: readonly AnswerPart[], end: () => Completion): Promise<object[]> {
  async function* answer(): Parts {
    yield* parts;
    return Promise.resolve(end());
  }
  const events: object[] = [];
  for await (const event of agUiEvents(answer(), { threadId: 's1', runId: 'r1' })) events.push(event);
  return events;
}

/** The faults that a client of AG-UI finds in events, one after the other. */
function faultsOf(events: readonly object[]): unknown[] {
  const { verifyEvents } = PEERS.load('@ag-ui/client') as { readonly verifyEvents: () => unknown };
  const { from } = PEERS.load('rxjs') as { readonly from: (items: readonly object[]) => Observable };
  const faults: unknown[] = [];
  // Synchronous: so is its source.
  from(events)
    .pipe(verifyEvents())
    .subscribe({ error: (cause: unknown) => faults.push(cause) });
  return faults;
}

describeWithPeers('the AG-UI events of an answer', () => {
  it.each([
    ['that is complete', () => ({ sql: 'SELECT 1' })],
    [
      'that fails in the midst of a text and of steps',
      () => {
        throw new BridgeClientError('QUERY_FAILED', 'no such table');
      },
    ],
  ])('%s are events of @ag-ui/core, in an order that @ag-ui/client takes', async (_, end) => {
    const events = await eventsOf(PARTS, end);
    for (const event of events) expect(core.EventSchemas.parse(event)).toEqual(event);
    expect(faultsOf(events)).toEqual([]);
    expect(faultsOf(events.slice(1))).toHaveLength(1);
  });

  it('have the names that docs/ai-front-ends.md has for them', () => {
    const page = readFileSync(join(__dirname, '../../docs/ai-front-ends.md'), 'utf8');
    const rows = page.split('\n').filter((line) => line.startsWith('|'));
    const names = [...rows.join('\n').matchAll(/`([A-Z]+(?:_[A-Z]+)+|CUSTOM)`/g)].map(([, name]) => name);
    expect(names.length).toBeGreaterThan(10);
    expect(names.filter((name) => name !== undefined && !(name in core.EventType))).toEqual([]);
  });
});
