import fc from 'fast-check';
import { z } from 'zod';
import { idFrom } from '../../../protocol/identity';
import { canonicalPath } from '../../../protocol/path';
import { parseControlMessage } from '../../../sidecar/control/orders';

const NAME = z.unknown().transform((value, context) => {
  const id = idFrom(value);
  if (id !== undefined) return id;
  context.addIssue({ code: 'custom', message: 'expected a text, or an integer that JSON carries exactly' });
  return z.NEVER;
});
const PATH = z
  .string()
  .max(8192)
  .regex(/^\/[^?#]*$/)
  .transform(canonicalPath);
const REQUEST_NAME = z.string().regex(/^[A-Za-z0-9_-]{1,128}$/);
/** The messages of PROTOCOL.md §6 as a schema. */
const MESSAGE = z.union([
  z.strictObject({ type: z.literal('revoke'), jti: NAME }),
  z.strictObject({
    type: z.literal('revoke'),
    tenant: NAME,
    user: NAME.optional(),
    path: PATH.optional(),
  }),
  z.strictObject({ type: z.literal('revoke'), tenant: NAME, user: NAME, except: NAME }),
  z.strictObject({
    type: z.literal('reauthorize'),
    tenant: NAME,
    user: NAME.optional(),
    path: PATH.optional(),
  }),
  z.strictObject({
    type: z.literal('list'),
    id: REQUEST_NAME,
    reply: REQUEST_NAME,
    tenant: NAME,
    user: NAME.optional(),
  }),
]);

const VALUE = fc.oneof(
  fc.constantFrom('a', '', '/a', '/a//b/../%2f%61', '/a?b', 'a/b', 'revoke', 'reauthorize', 'list', '-_'),
  fc.constantFrom('/'.repeat(8192), '/'.repeat(8193), 'x'.repeat(128), 'x'.repeat(129)),
  fc.jsonValue(),
);
const TYPE = { weight: 9, arbitrary: fc.constantFrom('revoke', 'reauthorize', 'list') };
const MEMBER = fc.constantFrom(
  ...['jti', 'tenant', 'user', 'except', 'path', 'id', 'reply', 'other', 'toString', '__proto__'],
);
const FORM = fc.constantFrom(
  ...[['jti'], ['tenant'], ['tenant', 'user'], ['tenant', 'path'], ['tenant', 'user', 'except']],
  ...[
    ['tenant', 'user', 'path'],
    ['id', 'reply', 'tenant'],
    ['id', 'reply', 'tenant', 'user'],
  ],
);
/** The text of an object whose members may be those of a form, or any. */
const OBJECT = fc
  .tuple(
    fc.oneof(TYPE, VALUE),
    fc.oneof({ weight: 4, arbitrary: FORM }, fc.uniqueArray(MEMBER, { maxLength: 4 })),
    fc.infiniteStream(VALUE),
  )
  .map(([type, names, values]) => {
    const members = names.map((name) => `${JSON.stringify(name)}:${JSON.stringify(values.next().value)}`);
    return `{${[`"type":${JSON.stringify(type)}`, ...members].join(',')}}`;
  });

it('a message of the control channel is read as its schema says, whatever it has', () => {
  fc.assert(
    fc.property(fc.oneof({ weight: 9, arbitrary: OBJECT }, fc.json(), fc.string()), (text) => {
      let wanted: unknown;
      try {
        wanted = MESSAGE.safeParse(JSON.parse(text)).data;
      } catch {
        // It is no JSON.
      }
      expect(parseControlMessage(Buffer.from(text))).toEqual(wanted);
    }),
    { numRuns: 5000 },
  );
});
