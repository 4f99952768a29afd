import { z } from 'zod';
import { idFrom } from '../../protocol/identity';
import { canonicalPath } from '../../protocol/path';
import type { Order } from '../connection/order';
import type { ListRequest } from './connection-list';

/** A number, as tokens may have one, is the same id as its digits. */
const NAME = z.unknown().transform((value, context) => {
  const id = idFrom(value);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: 'expected a text, or an integer that JSON carries exactly' });
  return z.NEVER;
});
/** The longest path that an order may name, in characters: no upgrade has a longer one. */
const MAX_PATH_CHARS = 8192;
const PATH = z
  .string()
  .max(MAX_PATH_CHARS)
  .regex(/^\/[^?#]*$/, 'expected a path that begins with a slash, without a query')
  .transform(canonicalPath);

const REVOKE = z.literal('revoke');
const ORDER = z.union([
  z.strictObject({ type: REVOKE, jti: NAME }),
  z.strictObject({ type: REVOKE, tenant: NAME, user: NAME.optional(), path: PATH.optional() }),
  z.strictObject({ type: REVOKE, tenant: NAME, user: NAME, except: NAME }),
  z.strictObject({
    type: z.literal('reauthorize'),
    ...{ tenant: NAME, user: NAME.optional(), path: PATH.optional() },
  }),
]);

const NAME_OF_REQUEST = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);
const MESSAGE = z.union([
  ORDER,
  z.strictObject({
    type: z.literal('list'),
    ...{ id: NAME_OF_REQUEST, reply: NAME_OF_REQUEST },
    ...{ tenant: NAME, user: NAME.optional() },
  }),
]);

/** Parses a message of the control channel (PROTOCOL.md §6). @returns undefined when it is none */
export function parseControlMessage(message: Buffer): Order | ListRequest | undefined {
  try {
    return MESSAGE.parse(JSON.parse(message.toString('utf8')));
  } catch {
    return undefined;
  }
}
