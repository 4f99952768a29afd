import { respCommand } from '../../../bench/publisher/resp';

test('a command is an array of bulk strings, counted in bytes', () => {
  expect(respCommand('PUBLISH', 'ä', Buffer.of(0xff)).toString('latin1')).toBe(
    '*3\r\n$7\r\nPUBLISH\r\n$2\r\nÃ¤\r\n$1\r\nÿ\r\n',
  );
});
