import { writeFileSync } from 'node:fs';
import { Name } from '../../plugin';
import { MAX_HEADERS, type Kong } from '../../plugin/kong';
import { log } from '../../plugin/lib/log';
import { OwnInstances } from '../../plugin/server/own-instances';
import { pluginInfo } from '../../plugin/server/plugin-info';
import { startPluginServer } from '../../plugin/server/plugin-server';

/**
 * A plugin server that decides nothing, under the gatekeeper's name: what Kong's worker pays for asking at all.
 * Arguments: the socket, the plugin info file, and the calls that it makes, `no-calls` or `all-calls`.
 */
const [, , path = '', infoFile = '', calls] = process.argv;

const SOCKET_MODE = 0o666;
/** As long as an assertion usually is. */
const ASSERTION = 'a'.repeat(360);

writeFileSync(infoFile, JSON.stringify(pluginInfo()));
const access = calls === 'all-calls' ? callAll : callNothing;
void startPluginServer(
  { path, mode: SOCKET_MODE },
  { pluginName: Name, instances: new OwnInstances(() => ({ access })), log },
);

function callNothing(): Promise<void> {
  return Promise.resolve();
}

/** The calls of an admitted upgrade, with what the gatekeeper would say. */
async function callAll(kong: Kong): Promise<void> {
  await Promise.all([
    kong.request.getHeaders(MAX_HEADERS),
    kong.nginx.getVar('upstream_uri'),
    kong.client.getForwardedIp(),
  ]);
  const headers = {
    'X-Tenant-ID': 't0',
    'X-User-ID': 'u0',
    'X-User-Roles': 'analyst,admin',
    'X-Request-ID': '0195f7a0-0000-7000-8000-000000000000',
    'X-WS-Assertion': ASSERTION,
  };
  await kong.service.request.changeHeaders?.(headers, ['authorization']);
  await kong.ctx.shared.set('authenticated_groups', ['analyst', 'admin']);
  await kong.log.setSerializeValue('request.headers.x-ws-assertion', 'REDACTED');
  await kong.log.setSerializeValue('ws_gatekeeper', { outcome: 'admitted', tenant: 't0', user: 'u0' });
  await kong.response.setHeaders({
    'RateLimit-Limit': '60',
    'RateLimit-Remaining': '59',
    'RateLimit-Reset': '1',
  });
}
