import type { IncomingHttpHeaders } from 'node:http';
import { doubts, type Finding } from './finding';

const KONG = /\bkong\/(\d+)\.(\d+)(?:\.\d+)*/i;

/** The finding about a Kong that is too old, as far as `Via` (RFC 9110 §7.6.3) or `Server` tells its version. */
export function kongFinding({ via, server }: IncomingHttpHeaders): readonly Finding[] {
  const match = KONG.exec(String(via)) ?? KONG.exec(String(server));
  if (match === null) return [];
  const [version, major, minor] = match;
  const answers500 = Number(major) > 3 || (Number(major) === 3 && Number(minor) >= 8);
  if (answers500) return [];
  return [
    doubts(
      'kong',
      `${version} lets upgrades through when the plugin server fails, with the client's own headers. The bridge answers them with 401. ` +
        'Any other server behind this plugin would not. Kong 3.8 or newer answers 500',
    ),
  ];
}
