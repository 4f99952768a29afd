import { Command, InvalidArgumentError } from 'commander';
import { DEFAULT_TOKEN_TTL_SECONDS, DEV_JWT_SECRET } from './defaults';
import { issueToken } from './issue-token';
import { endWithReader } from '../stdio/closed-output';

interface Flags {
  readonly tenant: string;
  readonly user: string;
  readonly ttl: number;
  readonly roles: readonly string[];
}

endWithReader();

const command = new Command('token')
  .description('Prints an access token as the platform issues them, signed with JWT_SECRET (HS256).')
  .option('--tenant <id>', 'claim tenant_id', 'acme')
  .option('--user <id>', 'claim sub', 'u1')
  .option(
    '--ttl <seconds>',
    'good for so long; negative for one that has expired',
    seconds,
    DEFAULT_TOKEN_TTL_SECONDS,
  )
  .option('--roles <a,b>', 'claim roles, comma separated', list, []);

const { tenant, user, ttl, roles } = command.parse().opts<Flags>();
const secret = process.env['JWT_SECRET'] ?? DEV_JWT_SECRET;
void issueToken({ tenant, user, roles, ttlSeconds: ttl }, secret, Math.floor(Date.now() / 1000)).then(
  (token) => {
    console.log(token);
  },
);

function seconds(text: string): number {
  if (!/^-?\d+$/.test(text)) throw new InvalidArgumentError('expected a whole number of seconds');
  return Number(text);
}

function list(text: string): string[] {
  return text.split(',').filter((item) => item !== '');
}
