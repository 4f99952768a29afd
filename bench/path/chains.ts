import { stringify } from 'yaml';
import { TOKEN_SECRET } from '../plugin-servers/config';
import { pathConfig, type PathPorts } from './kong-config';

/** The plugins that decide on an upgrade. */
export interface Chain {
  readonly name: string;
  /** Whether only a real Kong has them. */
  readonly ofKong: boolean;
  /** Tokens that come again and again; 0 for a new one with each request. */
  readonly tokens: number;
  /** kong.yml. @param text the repository's */
  readonly config: (text: string, ports: PathPorts) => string;
  /** The calls of a plugin server that decides nothing, in the gatekeeper's place. */
  readonly undecided?: 'no-calls' | 'all-calls' | undefined;
}

const KNOWN_TOKENS = 1000;
/** Which nobody reaches. */
const A_MINUTE = 1_000_000_000;

/** Chains to compare with: without a plugin, and as one would put them together of Kong's own plugins. */
export const CHAINS: readonly Chain[] = [
  { name: 'no plugin', ofKong: true, tokens: KNOWN_TOKENS, config: (_, ports) => kongConfig(ports, []) },
  {
    name: 'jwt, rate-limiting (redis), request-transformer',
    ofKong: true,
    tokens: KNOWN_TOKENS,
    config: (_, ports) => kongConfig(ports, luaPlugins(ports)),
  },
  undecided('a plugin server that makes no call', 'no-calls'),
  undecided("a plugin server that makes the gatekeeper's calls", 'all-calls'),
  { name: 'ws-gatekeeper, known tokens', ofKong: false, tokens: KNOWN_TOKENS, config: pathConfig },
  { name: 'ws-gatekeeper, new tokens', ofKong: false, tokens: 0, config: pathConfig },
];

function undecided(name: string, calls: NonNullable<Chain['undecided']>): Chain {
  return { name, ofKong: true, tokens: KNOWN_TOKENS, config: pathConfig, undecided: calls };
}

function kongConfig({ upstream }: PathPorts, plugins: readonly object[]): string {
  return stringify({
    _format_version: '3.0',
    consumers: [
      {
        username: 'bench',
        jwt_secrets: [{ key: 'matih-platform', algorithm: 'HS256', secret: TOKEN_SECRET }],
      },
    ],
    services: [
      {
        name: 'bench',
        url: `http://127.0.0.1:${upstream}`,
        routes: [{ name: 'bench', paths: ['/ws/'], strip_path: false }],
        plugins,
      },
    ],
  });
}

function luaPlugins({ redis }: PathPorts): readonly object[] {
  return [
    { name: 'jwt', config: { key_claim_name: 'iss', claims_to_verify: ['exp'] } },
    {
      name: 'rate-limiting',
      config: {
        minute: A_MINUTE,
        limit_by: 'consumer',
        policy: 'redis',
        redis: { host: '127.0.0.1', port: redis },
      },
    },
    {
      name: 'request-transformer',
      config: {
        remove: { headers: ['Authorization'] },
        add: { headers: ['X-Tenant-ID:t0', 'X-User-ID:u0', 'X-User-Roles:analyst'] },
      },
    },
  ];
}
