import { setTimeout as sleep } from 'node:timers/promises';
import type { KongLogEntry, Stack } from './stack';

/** The entry in Kong's log of the request with this id, once it is there. */
export async function logged(stack: Stack, requestId: string): Promise<KongLogEntry> {
  for (;;) {
    const entries = await stack.kongLog();
    const entry = entries.find(({ ws_gatekeeper: decided }) => decided?.['request_id'] === requestId);
    if (entry !== undefined) return entry;
    await sleep(25);
  }
}
