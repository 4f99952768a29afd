import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Ajv, type ValidateFunction } from 'ajv';
import { parse } from 'yaml';

/** A reference within the document. */
export interface Ref {
  readonly $ref: string;
}

/** A channel of docs/asyncapi.yaml. */
export interface Channel {
  readonly address: string;
  readonly servers: readonly Ref[];
  readonly parameters?: Readonly<Record<string, unknown>>;
  readonly messages: Readonly<Record<string, Ref>>;
  readonly bindings?: Ref | Bindings;
  readonly 'x-echo-after-seconds'?: number;
  readonly 'x-state-key'?: string;
}

interface Bindings {
  readonly ws: { readonly query: { readonly properties: Readonly<Record<string, unknown>> } };
}

/** A message of its components. */
export interface MessageObject {
  readonly name: string;
  readonly payload?: object;
  readonly examples?: readonly { readonly payload: unknown }[];
}

/** The parts of docs/asyncapi.yaml that tests look at. */
export interface AsyncapiDocument {
  readonly servers: { readonly gateway: { readonly 'x-close-codes': Readonly<Record<string, string>> } };
  readonly channels: Readonly<Record<string, Channel>>;
  readonly operations: Readonly<
    Record<
      string,
      { readonly action: 'send' | 'receive'; readonly channel: Ref; readonly messages?: readonly Ref[] }
    >
  >;
  readonly components: {
    readonly messages: Readonly<Record<string, MessageObject>>;
    readonly schemas: Readonly<
      Record<string, { readonly enum?: readonly string[]; readonly description?: string }>
    >;
  };
}

/** docs/asyncapi.yaml. */
export const DOCUMENT = parse(
  readFileSync(join(__dirname, '../../docs/asyncapi.yaml'), 'utf8'),
) as AsyncapiDocument;

/** Follows a reference. @returns undefined when it leads nowhere */
export function resolve({ $ref }: Ref): unknown {
  if (!$ref.startsWith('#/')) return undefined;
  const steps = $ref
    .slice(2)
    .split('/')
    .map((step) => step.replaceAll('~1', '/').replaceAll('~0', '~'));
  return steps.reduce<unknown>((at, step) => (isRecord(at) ? at[step] : undefined), DOCUMENT);
}

/** Every reference in the document. */
export function allRefs(at: unknown = DOCUMENT): readonly Ref[] {
  if (Array.isArray(at)) return at.flatMap((item) => allRefs(item));
  if (!isRecord(at)) return [];
  const { $ref } = at;
  return typeof $ref === 'string' ? [{ $ref }] : Object.values(at).flatMap((value) => allRefs(value));
}

/** The names of the parameters that a channel's query takes. */
export function queryOf({ bindings }: Channel): readonly string[] {
  if (bindings === undefined) return [];
  const { ws } = ('$ref' in bindings ? resolve(bindings) : bindings) as Bindings;
  return Object.keys(ws.query.properties);
}

const AJV = new Ajv({ strict: true, allErrors: true });
// Its own keywords are around its schemas; within them an unknown keyword is a mistake.
AJV.addVocabulary(Object.keys(DOCUMENT));
AJV.addSchema(DOCUMENT, 'asyncapi');

/** The schema of a message's payload. */
export function payloadSchema(message: string): ValidateFunction {
  return AJV.compile({ $ref: `asyncapi#/components/messages/${message}/payload` });
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
