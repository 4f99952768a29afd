import { join } from 'node:path';
import { ROOT } from '../peers/node-server';
import { ServerProcess } from '../server-process';
import type { Gateway } from './gateway';

/** The stand-in gateway, a proxy in Node: it asks the gatekeeper as Kong does, and copies bytes as Kong does not. */
export const standIn: Gateway = {
  title: 'the stand-in (not Kong)',
  hasBundledPlugins: false,
  start: ({ folder, port, configFile, socketPath, infoFile, env, nodeFlags }) =>
    ServerProcess.start({
      command: process.execPath,
      args: [
        ...nodeFlags,
        join(ROOT, 'dist/kong-stand-in/bin.js'),
        ...['--config', configFile, '--port', `${port}`, '--log-level', 'err'],
        ...['--query-cmd', `cat '${infoFile}'`, '--socket', socketPath],
      ],
      env,
      port,
      logFile: join(folder, 'gateway.log'),
    }),
};
