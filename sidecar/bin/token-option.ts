import { text } from 'node:stream/consumers';
import { InvalidArgumentError } from 'commander';

/** The environment variable that a token may stand in. */
export const TOKEN_VARIABLE = 'WS_TOKEN';

/** What `--help` says of it. */
export const TOKEN_HELP = `the user's token, or - to read it from standard input; ${TOKEN_VARIABLE} when left out`;

/**
 * The token of `--token`, of standard input or of the environment: other users of a machine see arguments.
 * @throws Error when there is none
 */
export async function readToken(option: string | undefined): Promise<string> {
  const given = option === '-' ? await text(process.stdin) : (option ?? process.env[TOKEN_VARIABLE] ?? '');
  const token = given.trim();
  if (token === '') throw new Error(`expected a token: --token <jwt>, --token - or ${TOKEN_VARIABLE}`);
  return token;
}

/** A WebSocket URL; http and https are taken for ws and wss. */
export function webSocketUrl(value: string): URL {
  const url = URL.parse(value.replace(/^http/, 'ws'));
  if (url?.protocol !== 'ws:' && url?.protocol !== 'wss:') {
    throw new InvalidArgumentError('Expected a URL like wss://gateway.example.');
  }
  return url;
}
