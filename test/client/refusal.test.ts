import { refusalOf } from '../../client/src/refusal.ts';

const NOW_MS = Date.parse('Sun, 29 Nov 2026 12:00:00 GMT');

/** @param headers by their names in lower case */
function refusal(headers: Readonly<Record<string, string>>, body = ''): ReturnType<typeof refusalOf> {
  return refusalOf(429, (name) => headers[name], body, NOW_MS);
}

describe('the delay of a refusal', () => {
  it.each([
    ['0', 0],
    ['7', 7_000],
    ['Sun, 29 Nov 2026 12:00:30 GMT', 30_000],
    ['Sun, 29 Nov 2026 11:59:59 GMT', undefined],
    ['-7', undefined],
    ['7s', undefined],
    ['soon', undefined],
    ['', undefined],
  ])('is read from Retry-After: %s', (text, retryAfterMs) => {
    expect(refusal({ 'retry-after': text }).retryAfterMs).toBe(retryAfterMs);
  });

  it('to a date is by the clock of who wrote it', () => {
    const headers = {
      'retry-after': 'Sun, 29 Nov 2026 13:00:30 GMT',
      date: 'Sun, 29 Nov 2026 13:00:00 GMT',
    };
    expect(refusal(headers).retryAfterMs).toBe(30_000);
  });

  it('is unknown without the header', () => {
    expect(refusal({}).retryAfterMs).toBeUndefined();
  });
});

describe('the message of a refusal', () => {
  it.each([
    ['{"message":"too many"}', 'refused: 429 too many'],
    ['{"message":"two\\r\\n\\u0000lines"}', 'refused: 429 two lines'],
    ['{"message":7}', 'refused: 429'],
    ['{}', 'refused: 429'],
    ['null', 'refused: 429'],
    ['<html>', 'refused: 429'],
    ['', 'refused: 429'],
  ])('with the body %s is of one line', (body, message) => {
    expect(refusal({}, body).message).toBe(message);
  });

  it('has 200 characters of the body at most', () => {
    const { message } = refusal({}, JSON.stringify({ message: 'x'.repeat(1_000) }));
    expect(message).toBe(`refused: 429 ${'x'.repeat(200)}`);
  });
});
