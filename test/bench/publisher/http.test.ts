import { postRequest } from '../../../bench/publisher/http';

test('a message is posted with its length in bytes', () => {
  expect(postRequest('/publish?channel=a%3Ab', 'ä').toString()).toBe(
    'POST /publish?channel=a%3Ab HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: 2\r\n\r\nä',
  );
});
