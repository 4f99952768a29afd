import { join } from 'node:path';
import type { GatewayPlace } from './gateway';

/** How Kong is told to run: DB-less, one worker, on one port of 127.0.0.1, and asking nobody outside. */
export function kongEnvironment(place: GatewayPlace, uid = process.getuid?.()): Record<string, string> {
  const { folder, port, configFile, socketPath, infoFile, env } = place;
  return {
    ...env,
    KONG_PREFIX: join(folder, 'kong'),
    KONG_DATABASE: 'off',
    KONG_DECLARATIVE_CONFIG: configFile,
    KONG_PROXY_LISTEN: `127.0.0.1:${port} backlog=16384`,
    KONG_ADMIN_LISTEN: 'off',
    KONG_ADMIN_GUI_LISTEN: 'off',
    KONG_STATUS_LISTEN: 'off',
    KONG_ANONYMOUS_REPORTS: 'off',
    KONG_PROXY_ACCESS_LOG: 'off',
    KONG_NGINX_WORKER_PROCESSES: '1',
    KONG_PLUGINS: 'bundled,ws-gatekeeper',
    KONG_PLUGINSERVER_NAMES: 'gatekeeper',
    KONG_PLUGINSERVER_GATEKEEPER_SOCKET: socketPath,
    KONG_PLUGINSERVER_GATEKEEPER_QUERY_CMD: `cat '${infoFile}'`,
    // Started by root its workers are somebody else, who cannot look into the trial's folder.
    ...(uid === 0 ? { KONG_NGINX_USER: 'root root' } : {}),
  };
}
