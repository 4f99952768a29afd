/** Texts, each as hexadecimal digits of its bytes, under one heading. */
export interface Utf8Group {
  readonly heading: string;
  readonly texts: readonly Utf8Text[];
}

/** A text, and whether it is UTF-8 (RFC 3629). */
export interface Utf8Text {
  readonly hex: string;
  readonly isValid: boolean;
}

/** The Greek word κόσμε, whose second letter has three bytes. */
export const KOSME = 'cebae1bdb9cf83cebcceb5';
const HELLO_WORLD = ['24', 'c2a2', 'e282ac', 'f0a4ada2'].map(
  (hex) => `${ascii('hello')}${hex}${ascii('world')}`,
);
/** In each, the last byte is missing. */
const CUT_SHORT = [
  ...['c0', 'e080', 'f08080', 'f8808080', 'fc80808080'],
  ...['df', 'efbf', 'f7bfbf', 'fbbfbfbf', 'fdbfbfbfbf'],
];

/** The bytes of Markus Kuhn's stress test of UTF-8 decoders, in the order of the Autobahn testsuite's groups 6.5 to 6.23. */
export const UTF8_GROUPS: readonly Utf8Group[] = [
  group('characters of one to four bytes', valid(...HELLO_WORLD, KOSME)),
  group('each beginning of a word', beginningsOf(KOSME)),
  group('the first character of each length', valid('00', 'c280', 'e0a080', 'f0908080')),
  group('the first of five and six bytes', invalid('f888808080', 'fc8480808080')),
  group('the last character of each length', valid('7f', 'dfbf', 'efbfbf', 'f48fbfbf')),
  group('the last of four, five and six bytes', invalid('f7bfbfbf', 'fbbfbfbfbf', 'fdbfbfbfbfbf')),
  group('other boundaries', [...valid('ed9fbf', 'ee8080', 'efbfbd', 'f48fbfbf'), ...invalid('f4908080')]),
  group(
    'continuation bytes without a first byte',
    invalid('80', 'bf', '80bf', '80bf80', '80bf80bf', '80bf80bf80', '80bf80bf80bf', range(0x80, 0xbe)),
  ),
  group(
    'first bytes without continuation',
    invalid(
      ...[range(0xc0, 0xde, '20'), range(0xe0, 0xee, '20'), range(0xf0, 0xf6, '20')],
      ...[range(0xf8, 0xfa, '20'), range(0xfc, 0xfc, '20')],
    ),
  ),
  group('characters whose last byte is missing', invalid(...CUT_SHORT)),
  group('all of those in a row', invalid(CUT_SHORT.join(''))),
  group('bytes of no character', invalid('fe', 'ff', 'fefeffff')),
  group('a slash in too many bytes', invalid('c0af', 'e080af', 'f08080af', 'f8808080af', 'fc80808080af')),
  group(
    'the largest of those in too many bytes',
    invalid('c1bf', 'e09fbf', 'f08fbfbf', 'f887bfbfbf', 'fc83bfbfbfbf'),
  ),
  group('NUL in too many bytes', invalid('c080', 'e08080', 'f0808080', 'f880808080', 'fc8080808080')),
  group('a surrogate', invalid('eda080', 'edadbf', 'edae80', 'edafbf', 'edb080', 'edbe80', 'edbfbf')),
  group(
    'a pair of surrogates',
    invalid(
      ...['eda080edb080', 'eda080edbfbf', 'edadbfedb080', 'edadbfedbfbf'],
      ...['edae80edb080', 'edae80edbfbf', 'edafbfedb080', 'edafbfedbfbf'],
    ),
  ),
  group('the last two code points of each plane', valid(...lastOfPlanes())),
  group(
    'specials, U+FFF9 to U+FFFF',
    valid('efbfb9', 'efbfba', 'efbfbb', 'efbfbc', 'efbfbd', 'efbfbe', 'efbfbf'),
  ),
];

function group(heading: string, texts: readonly Utf8Text[]): Utf8Group {
  return { heading, texts };
}

function valid(...texts: readonly string[]): readonly Utf8Text[] {
  return texts.map((hex) => ({ hex, isValid: true }));
}

function invalid(...texts: readonly string[]): readonly Utf8Text[] {
  return texts.map((hex) => ({ hex, isValid: false }));
}

/** Those that end in the middle of a character are invalid. */
function beginningsOf(word: string): readonly Utf8Text[] {
  const ends = [2, 5, 7, 9, 11];
  return Array.from({ length: word.length / 2 }, (_, index) => ({
    hex: word.slice(0, 2 * (index + 1)),
    isValid: ends.includes(index + 1),
  }));
}

/** U+FFFE, U+FFFF, U+1FFFE and so on to U+10FFFF. */
function lastOfPlanes(): readonly string[] {
  return Array.from({ length: 17 }, (_, plane) => [plane * 0x10000 + 0xfffe, plane * 0x10000 + 0xffff])
    .flat()
    .map((point) => Buffer.from(String.fromCodePoint(point)).toString('hex'));
}

function range(first: number, last: number, between = ''): string {
  const bytes = Array.from({ length: last - first + 1 }, (_, index) => (first + index).toString(16));
  return bytes.map((byte) => byte + between).join('');
}

function ascii(text: string): string {
  return Buffer.from(text).toString('hex');
}
