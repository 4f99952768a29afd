import { Socket } from 'node:net';
import process from 'node:process';

// A thread of a worker, since the worker's own may be in an endless loop. Its standard input closes when its parent has died, however that
// came about. Then it dies with all that tests started.
new Socket({ fd: 0 }).resume().once('close', () => process.kill(-process.pid, 'SIGKILL'));
