import { access, mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { findCommand } from '../command';
import type { Peer, Place } from '../peer';
import { ServerProcess } from '../server-process';
import { channelPath } from './channel-of';

/** Where Debian's libnginx-mod-nchan puts the module. */
const MODULE = '/usr/lib/nginx/modules/ngx_nchan_module.so';
const SUBSCRIBE = '/subscribe';
const PUBLISH = '/publish';

/**
 * nchan (C, in nginx), one worker, on the trial's Redis, which stores nothing as with the others. It cannot be fed through
 * that Redis: what it writes there is in a form of its own, so messages are posted to it.
 */
export const nchan: Peer = {
  name: 'nchan (nginx) + Redis',
  prepare: async () => {
    if ((await findCommand('nginx')) === undefined)
      return 'nginx is not on PATH (apt-get install nginx-light)';
    return access(MODULE).then(
      () => undefined,
      () => `${MODULE} is not there (apt-get install libnginx-mod-nchan)`,
    );
  },
  start: async (place) => {
    const config = join(place.folder, 'nginx.conf');
    await mkdir(join(place.folder, 'nginx'));
    await writeFile(config, nginxConfig(place));
    return ServerProcess.start({
      command: 'nginx',
      args: ['-p', place.folder, '-c', config, '-e', 'stderr'],
      port: place.port,
      logFile: join(place.folder, 'nginx.log'),
    });
  },
  client: ({ channel }) => Promise.resolve({ path: channelPath(channel, SUBSCRIBE), headers: {} }),
  publication: ({ channel }, payload) => [channel, Buffer.from(payload)],
  postPath: ({ channel }) => channelPath(channel, PUBLISH),
};

/** One process that is worker and master at once; every file of it is in the trial's folder. */
function nginxConfig({ port, redisPort }: Place): string {
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'].map(
    (name) => `${name}_temp_path nginx/${name};`,
  );
  return `
load_module ${MODULE};
daemon off;
master_process off;
worker_rlimit_nofile 65536;
pid nginx/pid;
error_log stderr warn;
events { worker_connections 32768; }
http {
  access_log off;
  keepalive_requests 1000000000;
  ${temporary.join('\n  ')}
  upstream redis {
    nchan_redis_server redis://127.0.0.1:${redisPort};
    nchan_redis_storage_mode nostore;
    nchan_redis_nostore_fastpublish on;
  }
  server {
    listen 127.0.0.1:${port} backlog=4096;
    location = ${SUBSCRIBE} {
      nchan_subscriber websocket;
      nchan_channel_id $arg_channel;
      nchan_subscriber_first_message newest;
      nchan_redis_pass redis;
    }
    location = ${PUBLISH} {
      nchan_publisher http;
      nchan_channel_id $arg_channel;
      nchan_redis_pass redis;
    }
  }
}
`;
}
