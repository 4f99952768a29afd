import { unreadRefusal } from '../../../sidecar/handshake/unread-request';

function failed(code?: string): NodeJS.ErrnoException {
  return Object.assign(new Error('secret'), { code });
}

describe('a request that Node could not read', () => {
  it.each([
    ['HPE_HEADER_OVERFLOW', 431],
    ['ERR_HTTP_REQUEST_TIMEOUT', 408],
    ['HPE_INVALID_METHOD', 400],
    [undefined, 400],
  ])('for %s is refused with %i, and nothing of it is quoted', (code, status) => {
    const refusal = unreadRefusal(failed(code));
    expect(refusal?.status).toBe(status);
    expect(refusal?.message).not.toContain('secret');
  });

  it.each(['ECONNRESET', 'EPIPE', 'HPE_INVALID_EOF_STATE'])(
    'because its client is gone (%s) gets no answer',
    (code) => {
      expect(unreadRefusal(failed(code))).toBeUndefined();
    },
  );
});
