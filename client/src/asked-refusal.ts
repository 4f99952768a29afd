import type { ConnectError } from './errors.ts';
import { MAX_BODY_CHARACTERS, refusalOf } from './refusal.ts';

/** As much of `fetch` as is used. */
export type Fetch = (
  url: string,
  init: {
    readonly headers: Readonly<Record<string, string>>;
    readonly cache: 'no-store';
    readonly redirect: 'error';
    readonly signal: AbortSignal;
  },
) => Promise<{
  readonly status: number;
  readonly headers: { get(name: string): string | null };
  text(): Promise<string>;
}>;

/** The answer where the upgrade would be admitted (PROTOCOL.md §4). */
const ADMITTED = 426;

/**
 * Asks by a request whose answer can be read why a handshake was refused: a browser tells nobody.
 * @param address of the WebSocket
 * @returns undefined when that cannot be told, or when it would not be refused now
 */
export async function askedRefusal(
  address: string,
  token: string,
  fetch: Fetch,
  nowMs: () => number,
  signal: AbortSignal,
): Promise<ConnectError | undefined> {
  try {
    const answer = await fetch(address.replace(/^ws/, 'http'), {
      headers: { Authorization: `Bearer ${token}` },
      cache: 'no-store',
      redirect: 'error',
      signal,
    });
    const { status, headers } = answer;
    if (status < 400 || status === ADMITTED) return undefined;
    const isShort = Number(headers.get('content-length')) <= MAX_BODY_CHARACTERS;
    return refusalOf(status, (name) => headers.get(name), isShort ? await answer.text() : '', nowMs());
  } catch {
    return undefined;
  }
}
