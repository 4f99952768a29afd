import { text } from 'node:stream/consumers';
import { InvalidArgumentError } from 'commander';
import { UsageError } from '../../stdio/exit-codes';
import { pastedToken } from '../../stdio/pasted-token';

/** The environment variable that a token may stand in. */
export const TOKEN_VARIABLE = 'WS_TOKEN';

// RFC 7515 §7.1: parts in base64url between dots. A WebSocket's subprotocol, in which `tail` sends it, takes these as well.
const TOKEN = /^[\w.-]+$/;

/** The text of `--help` about it. */
export const TOKEN_HELP = `the user's token, with or without "Bearer", or - to read it from standard input; ${TOKEN_VARIABLE} when left out`;

/**
 * The token of `--token`, of standard input or of the environment: other users of a machine see arguments.
 * @throws UsageError when there is none
 */
export async function readToken(option: string | undefined): Promise<string> {
  const given = option === '-' ? await text(process.stdin) : (option ?? process.env[TOKEN_VARIABLE] ?? '');
  const token = pastedToken(given);
  if (token === '') throw new UsageError(`expected a token: --token <jwt>, --token - or ${TOKEN_VARIABLE}`);
  if (!TOKEN.test(token)) {
    throw new UsageError(
      'expected a token of one line, without spaces: A-Z a-z 0-9 - _ and dots, as a JWT is',
    );
  }
  return token;
}

/** The path of a route, with or without a query. */
export function routePath(value: string): string {
  if (!value.startsWith('/') || value.includes('#')) {
    throw new InvalidArgumentError('Expected a path like /ws/ai/chat, with or without a query.');
  }
  return value;
}

/** A time, at least one millisecond. */
export function milliseconds(value: string): number {
  if (!/^[1-9][0-9]{0,6}$/.test(value))
    throw new InvalidArgumentError('Expected milliseconds, for example 5000.');
  return Number(value);
}

/** A WebSocket URL; http and https are taken for ws and wss. */
export function webSocketUrl(value: string): URL {
  const url = URL.parse(value.replace(/^http/, 'ws'));
  if ((url?.protocol !== 'ws:' && url?.protocol !== 'wss:') || url.hash !== '') {
    throw new InvalidArgumentError('Expected a URL like wss://gateway.example, with or without a path.');
  }
  return url;
}
