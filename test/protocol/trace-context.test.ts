import { describe, expect, it } from '@jest/globals';
import { MAX_TRACESTATE_LENGTH, readTraceContext } from '../../protocol/trace-context';

const TRACE = '0af7651916cd43dd8448eb211c80319c';
const PARENT = 'b7ad6b7169203331';
const GOOD = `00-${TRACE}-${PARENT}-01`;

describe('a traceparent (W3C Trace Context §3.2)', () => {
  it('is passed on as it came', () => {
    expect(readTraceContext(GOOD, undefined)).toEqual({
      traceId: TRACE,
      traceparent: GOOD,
      tracestate: undefined,
    });
    expect(readTraceContext(`00-${TRACE}-${PARENT}-02`, undefined)?.traceparent).toMatch(/-02$/);
  });

  it('has ids that may begin and end with zeros', () => {
    const ids = `${'0'.repeat(31)}1-1${'0'.repeat(15)}`;
    expect(readTraceContext(`00-${ids}-00`, undefined)?.traceparent).toBe(`00-${ids}-00`);
    expect(readTraceContext(`00-1${'0'.repeat(31)}-${PARENT}-00`, undefined)).toBeDefined();
  });

  it.each([
    ['nothing', undefined],
    ['no text', ''],
    ['upper-case digits', GOOD.toUpperCase()],
    ['a zero trace id', `00-${'0'.repeat(32)}-${PARENT}-01`],
    ['a zero parent id', `00-${TRACE}-${'0'.repeat(16)}-01`],
    ['the version that is never valid', `ff-${TRACE}-${PARENT}-01`],
    ['a short trace id', `00-${TRACE.slice(1)}-${PARENT}-01`],
    ['no flags', `00-${TRACE}-${PARENT}`],
    ['more than version 00 has', `${GOOD}-x`],
    ['more, without a dash', `cc-${TRACE}-${PARENT}-01x`],
    ['two, joined', `${GOOD}, ${GOOD}`],
    ['a line feed at the end', `${GOOD}\n`],
    ['white space', ` ${GOOD}`],
  ])('is not %s', (_, text) => {
    expect(readTraceContext(text, 'a=1')).toBeUndefined();
  });

  it.each([
    [`cc-${TRACE}-${PARENT}-01`, `00-${TRACE}-${PARENT}-01`],
    [`cc-${TRACE}-${PARENT}-ff-what-comes-later`, `00-${TRACE}-${PARENT}-01`],
    [`cc-${TRACE}-${PARENT}-08`, `00-${TRACE}-${PARENT}-00`],
  ])('of a later version, %s, is written as %s', (text, expected) => {
    expect(readTraceContext(text, undefined)?.traceparent).toBe(expected);
  });
});

describe('a tracestate (§3.3)', () => {
  const read = (text: string): string | undefined => readTraceContext(GOOD, text)?.tracestate;

  it.each([
    ['rojo=00f067aa0ba902b7,congo=t61rcWkgMzE', undefined],
    ['fw529a3039@dt=FfAAAAAB;1 2', undefined],
    ['a=1 ,\tb=2', 'a=1,b=2'],
    ['a=1,,b=2', 'a=1,b=2'],
    [`a=${'x'.repeat(256)}`, undefined],
  ])('%j is passed on', (text, expected = text) => {
    expect(read(text)).toBe(expected);
  });

  it.each([
    ['', 'nothing'],
    ['a', 'no value'],
    ['A=1', 'an upper-case key'],
    ['a=1=2', 'two equals signs'],
    ['a=1,B=2', 'one member of two that is none'],
    ['a=é', 'what is not ASCII'],
    ['a=1\n', 'a line feed'],
    [`a=${'x'.repeat(257)}`, 'a value too long'],
    [Array.from({ length: 33 }, (_, i) => `k${i}=1`).join(), 'more than 32 members'],
    [`a=1,b=${'x'.repeat(200)},c=${'x'.repeat(200)},d=${'x'.repeat(200)}`, 'more than fits'],
  ])('%j is left out: %s', (text) => {
    expect(readTraceContext(GOOD, text)).toMatchObject({ traceparent: GOOD, tracestate: undefined });
  });

  it('of 32 members is passed on', () => {
    const text = Array.from({ length: 32 }, (_, i) => `k${i}=1`).join();
    expect(read(text)).toBe(text);
  });

  it(`of ${MAX_TRACESTATE_LENGTH} characters is passed on, as the specification wants`, () => {
    const text = `a=${'x'.repeat(253)},b=${'y'.repeat(254)}`;
    expect(text).toHaveLength(MAX_TRACESTATE_LENGTH);
    expect(read(text)).toBe(text);
    expect(read(`${text}y`)).toBeUndefined();
  });
});
