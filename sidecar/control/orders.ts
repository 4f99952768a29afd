import { idFrom } from '../../protocol/identity';
import { canonicalPath } from '../../protocol/path';
import type { Order } from '../connection/order';
import type { ListRequest } from './connection-list';

/** The longest path that an order may name, in characters: no upgrade has a longer one. */
const MAX_PATH_CHARS = 8192;
/** A path that begins with a slash, without a query. */
const PATH = /^\/[^?#]*$/;
const NAME_OF_REQUEST = /^[A-Za-z0-9_-]{1,128}$/;

/** Each form of a message: its type, the members that it must have, and those that it may have. No other is allowed. */
const FORMS: readonly {
  readonly type: string;
  readonly must: readonly string[];
  readonly may: readonly string[];
}[] = [
  { type: 'revoke', must: ['jti'], may: [] },
  { type: 'revoke', must: ['tenant'], may: ['user', 'path'] },
  { type: 'revoke', must: ['tenant', 'user', 'except'], may: [] },
  { type: 'reauthorize', must: ['tenant'], may: ['user', 'path'] },
  { type: 'list', must: ['id', 'reply', 'tenant'], may: ['user'] },
];

/** How each member is read. @returns undefined for a value that it may not have */
const READERS: ReadonlyMap<string, (value: unknown) => string | undefined> = new Map([
  // A number, as tokens may have one, is the same id as its digits.
  ['jti', idFrom],
  ['tenant', idFrom],
  ['user', idFrom],
  ['except', idFrom],
  ['path', pathFrom],
  ['id', nameFrom],
  ['reply', nameFrom],
]);

/**
 * Parses a message of the control channel (PROTOCOL.md §6). Thousands may come at once, and an order waits for no share of the loop's
 * time. A union of schemas took tens of microseconds for each. @returns undefined when it is none
 */
export function parseControlMessage(message: Buffer): Order | ListRequest | undefined {
  const members = membersOf(message);
  if (members === undefined) return undefined;
  const read: Record<string, string> = {};
  for (const [name, value] of members) {
    const text = name === 'type' && typeof value === 'string' ? value : READERS.get(name)?.(value);
    if (text === undefined) return undefined;
    read[name] = text;
  }
  const isOne = FORMS.some(
    ({ type, must, may }) =>
      read['type'] === type &&
      must.every((name) => name in read) &&
      members.every(([name]) => name === 'type' || must.includes(name) || may.includes(name)),
  );
  // The forms are those of the two types.
  return isOne ? (read as unknown as Order | ListRequest) : undefined;
}

function membersOf(message: Buffer): readonly [string, unknown][] | undefined {
  try {
    const value: unknown = JSON.parse(message.toString('utf8'));
    return typeof value === 'object' && value !== null ? Object.entries(value) : undefined;
  } catch {
    return undefined;
  }
}

function pathFrom(value: unknown): string | undefined {
  if (typeof value !== 'string' || value.length > MAX_PATH_CHARS) return undefined;
  return PATH.test(value) ? canonicalPath(value) : undefined;
}

function nameFrom(value: unknown): string | undefined {
  return typeof value === 'string' && NAME_OF_REQUEST.test(value) ? value : undefined;
}
