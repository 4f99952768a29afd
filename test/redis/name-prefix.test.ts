import { isNamePrefix, MAX_NAME_PREFIX_BYTES, unscopedDatabase } from '../../redis/name-prefix';
import { parseRedisUrl } from '../../redis/url';

describe('a prefix of names in Redis', () => {
  it.each(['', 'staging:', 'staging/', '@stage.eu-1~', 'WS:', 'x'.repeat(MAX_NAME_PREFIX_BYTES)])(
    'may be "%s"',
    (text) => {
      expect(isNamePrefix(text)).toBe(true);
    },
  );

  it.each([
    ['braces, which make a hash tag', '{staging}:'],
    ['a brace alone', 'staging}'],
    ['a space', 'sta ging:'],
    ['a line feed', 'staging:\n'],
    ['a control character', 'staging\u0000'],
    ['what is no ASCII', 'stäging:'],
    ['a wildcard of the ACL', 'staging*'],
    ['a class of the ACL', 'sta[g]ing'],
    ['an escape of the ACL', 'staging\\'],
    ["the bridges' own beginning", 'ws:'],
    ['too many bytes', 'x'.repeat(MAX_NAME_PREFIX_BYTES + 1)],
  ])('may not have %s', (_, text) => {
    expect(isNamePrefix(text)).toBe(false);
  });
});

describe('a database that separates no Pub/Sub', () => {
  it.each([
    ['redis://h/2', '', 2],
    ['redis+sentinel://h/m/3', '', 3],
    ['redis://h/2', 'staging:', undefined],
    ['redis://h/0', '', undefined],
    ['redis://h', '', undefined],
    ['redis+cluster://h', '', undefined],
  ])('is told of %s with the prefix "%s": %s', (url, prefix, database) => {
    expect(unscopedDatabase(parseRedisUrl(url) ?? { database: -1 }, prefix)).toBe(database);
  });
});
