/** Where a request stands in a distributed trace (W3C Trace Context). */
export interface TraceContext {
  /** 32 lower-case hexadecimal digits, not all zero. */
  readonly traceId: string;
  /** The header's value, written as version 00. */
  readonly traceparent: string;
  /** Undefined when there is none, or it is malformed. */
  readonly tracestate: string | undefined;
}

/** Characters of a `tracestate` that are passed on, at most (W3C Trace Context §3.3.1.5: at least 512). */
export const MAX_TRACESTATE_LENGTH = 512;
/** Members of a `tracestate`, at most (§3.3.1.1). */
const MAX_TRACESTATE_MEMBERS = 32;

const TRACEPARENT = /^([0-9a-f]{2})-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})(-[!-~]{0,256})?$/;
const INVALID_VERSION = 'ff';
const ZERO = /^0+$/;
const SAMPLED = 0x01;

// §3.3.1.3.
const SIMPLE_KEY = '[a-z][a-z0-9_*/-]{0,255}';
const TENANT_KEY = '[a-z0-9][a-z0-9_*/-]{0,240}@[a-z][a-z0-9_*/-]{0,13}';
const VALUE = '[ -+\\--<>-~]{0,255}[!-+\\--<>-~]';
const MEMBER = new RegExp(`^(${SIMPLE_KEY}|${TENANT_KEY})=${VALUE}$`);

/**
 * Reads the two headers of a request. Repeated ones are to be joined with commas (RFC 9110 §5.3).
 * @returns undefined when there is no valid `traceparent`
 */
export function readTraceContext(
  traceparent: string | undefined,
  tracestate: string | undefined,
): TraceContext | undefined {
  const parts = TRACEPARENT.exec(traceparent ?? '');
  if (parts === null) return undefined;
  const [, version = '', traceId = '', parentId = '', flags = '', more] = parts;
  if (version === INVALID_VERSION) return undefined;
  if (version === '00' && more !== undefined) return undefined;
  if (ZERO.test(traceId) || ZERO.test(parentId)) return undefined;
  // §3.2.4: of a later version only what version 00 says is understood.
  const known = version === '00' ? flags : hexByte(Number.parseInt(flags, 16) & SAMPLED);
  return {
    traceId,
    traceparent: `00-${traceId}-${parentId}-${known}`,
    tracestate: readTracestate(tracestate),
  };
}

function readTracestate(text: string | undefined): string | undefined {
  if (text === undefined || text.length > MAX_TRACESTATE_LENGTH) return undefined;
  // §3.3.1.1: empty members are allowed and say nothing.
  const members = text.split(/[ \t]*,[ \t]*/).filter((member) => member !== '');
  if (members.length === 0 || members.length > MAX_TRACESTATE_MEMBERS) return undefined;
  return members.every((member) => MEMBER.test(member)) ? members.join(',') : undefined;
}

function hexByte(byte: number): string {
  return byte.toString(16).padStart(2, '0');
}
