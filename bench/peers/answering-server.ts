import { createServer } from 'node:net';

/** An upstream that answers every request alike, an upgrade too, and looks at none: all else on the path is what costs. */
const ANSWER = Buffer.from('HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok', 'latin1');
const END = Buffer.from('\r\n\r\n', 'latin1');

createServer((socket) => {
  let tail: Buffer = Buffer.alloc(0);
  socket.setNoDelay(true);
  socket.on('error', () => socket.destroy());
  socket.on('data', (bytes: Buffer) => {
    // The end of a head may come in two pieces.
    const seen = tail.length === 0 ? bytes : Buffer.concat([tail, bytes]);
    const end = seen.lastIndexOf(END);
    tail = end === -1 ? seen.subarray(-END.length + 1) : seen.subarray(end + END.length);
    if (end !== -1) socket.write(ANSWER);
  });
}).listen(Number(process.env['PORT']), '127.0.0.1');
