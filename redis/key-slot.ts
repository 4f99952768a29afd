/** How many slots a cluster's keys and sharded channels are spread over. */
export const SLOT_COUNT = 16_384;

/** CRC-16/XMODEM, which Redis Cluster takes: polynomial 1021, a byte at a time. */
const CRC_TABLE = Uint16Array.from({ length: 256 }, (_, byte) => {
  let crc = byte << 8;
  for (let bit = 0; bit < 8; bit += 1) crc = (crc << 1) ^ (crc & 0x8000 ? 0x1021 : 0);
  return crc;
});

/**
 * The slot of a key or a channel. It is that of the text between its first `{` and the next `}`, or of all of it (Redis
 * Cluster specification, "Hash tags").
 */
export function keySlot(key: string): number {
  let crc = 0;
  for (const byte of Buffer.from(hashTag(key) ?? key)) {
    crc = ((crc << 8) & 0xffff) ^ (CRC_TABLE[(crc >> 8) ^ byte] ?? 0);
  }
  return crc % SLOT_COUNT;
}

/** The part that alone decides a key's slot; undefined when all of the key does. */
export function hashTag(key: string): string | undefined {
  return /^\{([^}]+)\}/.exec(key.slice(Math.max(0, key.indexOf('{'))))?.[1];
}
