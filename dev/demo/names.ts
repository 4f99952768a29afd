/** The prefix of every name in Redis, as the bridge of this stack has it (PROTOCOL.md §8). */
export const DEMO_PREFIX = process.env['BRIDGE_CHANNEL_PREFIX'] ?? '';

/** A channel's, key's or stream's name as the bridge has it. */
export function demoName(name: string): string {
  return DEMO_PREFIX + name;
}
