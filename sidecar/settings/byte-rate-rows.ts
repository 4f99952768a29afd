import { integer, type Row } from './row';

const MAX_BYTES = 2 ** 30;

function perSecond(name: string, fallback: number, description: string): Row<number, string> {
  return integer(name, fallback, [0, MAX_BYTES], 'bytes', `${description} a second; 0 for any number`);
}

function burst(name: string, fallback: number, description: string): Row<number, string> {
  return integer(
    name,
    fallback,
    [1, MAX_BYTES],
    'bytes',
    `${description} at once. It is never less than the largest message`,
  );
}

/** How many bytes clients may send, by whose they are and what they are for. */
export const BYTE_RATE_ROWS = {
  commands: {
    socket: {
      perSecond: perSecond('BRIDGE_COMMAND_BYTES_PER_SECOND', 65_536, 'of commands that a socket may send'),
      burst: burst('BRIDGE_COMMAND_BYTES_BURST', 524_288, 'of commands that a socket may send'),
    },
    user: {
      perSecond: perSecond(
        'BRIDGE_USER_COMMAND_BYTES_PER_SECOND',
        131_072,
        "of commands that a tenant's user may send on this bridge, each counting as 256 more",
      ),
      burst: burst(
        'BRIDGE_USER_COMMAND_BYTES_BURST',
        1_048_576,
        "of commands that a tenant's user may send on this bridge, each counting as 256 more",
      ),
    },
    tenant: {
      perSecond: perSecond(
        'BRIDGE_TENANT_COMMAND_BYTES_PER_SECOND',
        1_048_576,
        'of commands that a tenant may send on this bridge, each counting as 256 more',
      ),
      burst: burst(
        'BRIDGE_TENANT_COMMAND_BYTES_BURST',
        4_194_304,
        'of commands that a tenant may send on this bridge, each counting as 256 more',
      ),
    },
  },
  relay: {
    socket: {
      perSecond: perSecond('BRIDGE_RELAY_BYTES_PER_SECOND', 262_144, 'for peers that a socket may send'),
      burst: burst('BRIDGE_RELAY_BYTES_BURST', 4_194_304, 'for peers that a socket may send'),
    },
    user: {
      perSecond: perSecond(
        'BRIDGE_USER_RELAY_BYTES_PER_SECOND',
        524_288,
        "for peers that a tenant's user may send on this bridge, each message counting as 256 more",
      ),
      burst: burst(
        'BRIDGE_USER_RELAY_BYTES_BURST',
        8_388_608,
        "for peers that a tenant's user may send on this bridge, each message counting as 256 more",
      ),
    },
    tenant: {
      perSecond: perSecond(
        'BRIDGE_TENANT_RELAY_BYTES_PER_SECOND',
        2_097_152,
        'for peers that a tenant may send on this bridge, each message counting as 256 more',
      ),
      burst: burst(
        'BRIDGE_TENANT_RELAY_BYTES_BURST',
        16_777_216,
        'for peers that a tenant may send on this bridge, each message counting as 256 more',
      ),
    },
  },
} as const;
