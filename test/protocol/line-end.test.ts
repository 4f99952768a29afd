import { describe, expect, it } from '@jest/globals';
import { hasStrayLineEnd } from '../../protocol/line-end';

describe('a line break at the end of a secret', () => {
  it.each(['secret\n', 'secret\r\n', 'secret\r', 'two\nlines\n', ' secret\n'])(
    'was not meant: %j',
    (secret) => {
      expect(hasStrayLineEnd(secret)).toBe(true);
    },
  );

  it.each([
    '',
    'secret',
    'secret ',
    'two\nlines',
    '{"kty":"oct","k":"AAAA"}\n',
    '-----BEGIN PRIVATE KEY-----\nMII\n-----END PRIVATE KEY-----\n',
  ])('is not there, or counts for nothing: %j', (secret) => {
    expect(hasStrayLineEnd(secret)).toBe(false);
  });
});
