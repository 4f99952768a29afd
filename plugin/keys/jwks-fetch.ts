import { isNativeError } from 'node:util/types';
import { isNestedDeeperThan, MAX_NESTING } from '../lib/nesting';

/** The largest JWK Set that is read, in bytes: some hundred keys. */
export const MAX_JWKS_BYTES = 256 * 1024;

/** The part of fetch that is used. */
export type Fetch = (url: string, init: RequestInit) => Promise<Response>;

/**
 * Fetches a JWK Set's text. Follows no redirect: where keys come from is the operator's to say.
 * @param timeoutMs for the whole body, not only the first byte
 * @throws when it is not 200, not in time, or larger than {@link MAX_JWKS_BYTES}
 */
export async function fetchJwks(fetch: Fetch, uri: string, timeoutMs: number): Promise<unknown> {
  const request = fetch(uri, {
    redirect: 'manual',
    headers: { accept: 'application/jwk-set+json, application/json' },
    signal: AbortSignal.timeout(timeoutMs),
  });
  const response = await withReason(request);
  if (response.status !== 200) {
    await response.body?.cancel();
    throw new Error(`expected status 200, got ${response.status}`);
  }
  const document: unknown = JSON.parse(await withReason(boundedText(response)));
  if (isNestedDeeperThan(document, MAX_NESTING))
    throw new Error(`expected no more than ${MAX_NESTING} levels`);
  return document;
}

/** `fetch` says "fetch failed" or "terminated" whatever failed: the name, the port, the certificate or the encoding stands in its cause. */
async function withReason<T>(part: Promise<T>): Promise<T> {
  try {
    return await part;
  } catch (error) {
    const { message, cause } = error as Error;
    if (!isNativeError(cause)) throw error;
    const { code, message: reason } = cause as NodeJS.ErrnoException;
    throw new Error(`${message}: ${reason === '' ? String(code) : reason}`, { cause: error });
  }
}

async function boundedText(response: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  const body = response.body as AsyncIterable<Uint8Array> | null;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    // Leaving the loop cancels the body.
    if (size > MAX_JWKS_BYTES) throw new Error(`expected at most ${MAX_JWKS_BYTES} bytes`);
    chunks.push(chunk);
  }
  // Leaves out a byte order mark, as any client's `response.json()` does.
  return new TextDecoder().decode(Buffer.concat(chunks));
}
