import { setTimeout as delay } from 'node:timers/promises';
import { Redis } from 'ioredis';
import { escapeSegment } from '../../protocol/channels';
import type { DataFrame } from '../../protocol/frames';
import { demoName } from './names';
import { CANCELLED, demoAnswer, idIn, questionIn } from './answer';

/** The stream that the bridge writes commands to (PROTOCOL.md §3). */
const COMMANDS = demoName('ai:commands');
/** Milliseconds between two tokens, unless DEMO_TOKEN_INTERVAL_MS says otherwise. */
const DEFAULT_TOKEN_INTERVAL_MS = 50;

const url = process.env['REDIS_URL'] ?? 'redis://127.0.0.1:6379';
const tokenIntervalMs = Number(process.env['DEMO_TOKEN_INTERVAL_MS'] ?? DEFAULT_TOKEN_INTERVAL_MS);
// A blocking read keeps a connection to itself.
const reader = new Redis(url, { maxRetriesPerRequest: null });
const publisher = new Redis(url);

process.once('SIGTERM', stop);
process.once('SIGINT', stop);
let stopping = false;
/** What stops each answer that has an id, by session and id. */
const stops = new Map<string, AbortController>();
/** The last answer without an id of each session: its frames do not say which command they answer, so one follows the other. */
const answers = new Map<string, Promise<void>>();

void main();

async function main(): Promise<void> {
  const [last] = await reader.xrevrange(COMMANDS, '+', '-', 'COUNT', 1);
  console.log(JSON.stringify({ ready: true, reads: COMMANDS }));
  let after = last?.[0] ?? '0-0';
  for (;;) {
    const streams = await reader.xread('BLOCK', 0, 'STREAMS', COMMANDS, after).catch(failure);
    for (const [, entries] of streams ?? []) {
      for (const [id, fields] of entries) {
        after = id;
        take(toRecord(fields));
      }
    }
  }
}

type CommandEntry = Readonly<Record<string, string>>;

function take(command: CommandEntry): void {
  const { type, session = '', id, data = 'null' } = command;
  if (type === 'cancel') stops.get(nameOf(session, idIn(data)))?.abort();
  else if (id === undefined) enqueue(session, command);
  else void answerNamed(nameOf(session, id), command);
}

/** A session has no space. */
function nameOf(session: string, id: string): string {
  return `${session} ${id}`;
}

async function answerNamed(name: string, command: CommandEntry): Promise<void> {
  const stop = new AbortController();
  stops.set(name, stop);
  await answer(command, stop.signal);
  stops.delete(name);
}

function enqueue(session: string, command: CommandEntry): void {
  const answered = (answers.get(session) ?? Promise.resolve()).then(() => answer(command));
  answers.set(session, answered);
  void answered.finally(() => {
    if (answers.get(session) === answered) answers.delete(session);
  });
}

async function answer(command: CommandEntry, stop?: AbortSignal): Promise<void> {
  const channel = demoName(`ai:stream:${escapeSegment(command['session'] ?? '')}`);
  const { tenant, user, roles, id } = command;
  const publish = (frame: DataFrame): Promise<number> =>
    publisher.publish(channel, JSON.stringify(id === undefined ? frame : { ...frame, id }));
  for (const frame of demoAnswer(questionIn(command['data'] ?? 'null'))) {
    if (stop?.aborted) {
      await publish(CANCELLED);
      break;
    }
    await publish(frame);
    await delay(tokenIntervalMs, undefined, { signal: stop }).catch(() => undefined);
  }
  console.log(JSON.stringify({ answered: channel, tenant, user, roles }));
}

function toRecord(fields: readonly string[]): Record<string, string> {
  const entries: [string, string][] = [];
  for (let i = 0; i + 1 < fields.length; i += 2) entries.push([fields[i] ?? '', fields[i + 1] ?? '']);
  return Object.fromEntries(entries);
}

function failure(cause: unknown): null {
  if (!stopping) throw cause;
  return null;
}

function stop(): void {
  stopping = true;
  reader.disconnect();
  publisher.disconnect();
  process.exit(0);
}
