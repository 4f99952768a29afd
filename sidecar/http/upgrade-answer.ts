import type { IncomingMessage } from 'node:http';
import { visible } from '../../stdio/visible';

/** An answer to an upgrade that is not 101, for a person to read. */
export interface UpgradeAnswer {
  readonly status: number;
  /** The message in its JSON body; empty when it has none. */
  readonly message: string;
}

/** The longest body that is read, in bytes. */
const MAX_BODY_BYTES = 4096;
/** The longest text that is shown, in characters. */
const MAX_SHOWN_CHARACTERS = 200;

/** Reads what a gateway or a bridge says of a refusal. */
export async function refusalOf(response: IncomingMessage): Promise<UpgradeAnswer> {
  let body = '';
  try {
    for await (const chunk of response) {
      body += String(chunk);
      if (body.length > MAX_BODY_BYTES) break;
    }
  } catch {
    // The bytes that were read are enough.
  }
  return { status: response.statusCode ?? 0, message: printable(messageOf(body)) };
}

/** Text from outside for one line of a terminal: control characters as escapes, and not too long. */
export function printable(text: string): string {
  return visible(text.slice(0, MAX_SHOWN_CHARACTERS));
}

function messageOf(body: string): string {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === 'string' ? message : '';
  } catch {
    return '';
  }
}
