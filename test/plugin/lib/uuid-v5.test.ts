import { expect, it } from '@jest/globals';
import { uuidV5 } from '../../../plugin/lib/uuid-v5';

const DNS = '6ba7b810-9dad-11d1-80b4-00c04fd430c8';

it('a name-based UUID is that of RFC 9562, appendix A.4', () => {
  expect(uuidV5(DNS, 'www.example.com')).toBe('2ed6657d-e927-568b-95e1-2665a8aea6a2');
});

it('a name is its UTF-8', () => {
  expect(uuidV5(DNS, 'bücher')).toMatch(
    /^[0-9a-f]{8}-[0-9a-f]{4}-5[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/,
  );
  expect(uuidV5(DNS, 'bücher')).not.toBe(uuidV5(DNS, Buffer.from('bücher').toString('latin1')));
});
