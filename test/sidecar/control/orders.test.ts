import { describe, expect, it } from '@jest/globals';
import { parseControlMessage } from '../../../sidecar/control/orders';

describe('a message of the control channel', () => {
  it('names a user only together with its tenant, and one kind of thing at a time', () => {
    expect(parseControlMessage(Buffer.from('{"type":"revoke","jti":"a","tenant":"b"}'))).toBeUndefined();
    for (const who of ['"jti":""', '"tenant":""', '"tenant":"b","user":""'])
      expect(parseControlMessage(Buffer.from(`{"type":"revoke",${who}}`))).toBeUndefined();
    expect(parseControlMessage(Buffer.from('{"type":"revoke","tenant":"b"}'))).toEqual({
      type: 'revoke',
      tenant: 'b',
    });
  });

  it('takes an id that is an integer for its decimal digits, as the gatekeeper does', () => {
    const parse = (who: string) => parseControlMessage(Buffer.from(`{"type":"revoke",${who}}`));
    expect(parse('"tenant":7,"user":-42')).toEqual({ type: 'revoke', tenant: '7', user: '-42' });
    expect(parse('"tenant":9007199254740991')).toEqual({ type: 'revoke', tenant: '9007199254740991' });
    expect(parse('"jti":12345')).toEqual({ type: 'revoke', jti: '12345' });
    // Parsed, this is another tenant.
    expect(parse('"tenant":9007199254740993')).toBeUndefined();
    for (const id of ['1.5', '1e400', 'null', 'true', '[7]', '{"id":7}']) {
      expect(parse(`"tenant":${id}`)).toBeUndefined();
      expect(parse(`"tenant":7,"user":${id}`)).toBeUndefined();
      expect(parse(`"jti":${id}`)).toBeUndefined();
    }
  });
});
