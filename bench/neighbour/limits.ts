import { MAX_DATA_DEPTH } from '../../sidecar/inbound/command';
import { MESSAGE_OVERHEAD_BYTES } from '../../sidecar/quotas/byte-owners';
import type { ByteRate } from '../../sidecar/quotas/byte-rate';
import { parseSettings, type Settings } from '../../sidecar/settings/settings';
import { ASSERTION_SECRET } from '../peers/ws-bridge';
import { DEFAULT_MESSAGE_LIMITS } from '../../plugin/schema/limits';
import type { Rate } from './pursue';

/** The use of a message: the two have byte rates of their own. */
export type MessageKind = 'command' | 'relay';

/** Sockets of one tenant that all send as much. */
export interface Crowd {
  readonly sockets: number;
  readonly users: number;
}

/** The limits of one client by the bridge's documents, as shipped. */
export interface Limits {
  readonly settings: Settings;
  /** The largest command, relayed message and message on a one-way route, in bytes. */
  readonly commandBytes: number;
  readonly relayBytes: number;
  /** How deep `data` of a command may be nested. */
  readonly depth: number;
  /** How many values a command may hold. */
  readonly values: number;
  /** Messages of so many bytes that one socket may send, of a crowd that shares what its users and its tenant may. */
  readonly messages: (kind: MessageKind, bytes: number, crowd?: Crowd) => Rate;
  /** Upgrades of a tenant: the gatekeeper's, of its largest tier. */
  readonly upgrades: Rate;
  /** Messages of a tenant that are posted: the gatekeeper's, as shipped. */
  readonly posts: Rate;
}

/** kong.yml: `rate_limits`, `enterprise`. */
const UPGRADES: Rate = { perSecond: 1000 / 60, burst: 200 };

/** The limits with the settings at their defaults. */
export function shippedLimits(): Limits {
  const settings = parseSettings({ BRIDGE_ASSERTION_SECRET: ASSERTION_SECRET });
  return {
    settings,
    commandBytes: Math.min(settings.maxFrameBytes, settings.maxCommandBytes),
    relayBytes: Math.min(settings.maxFrameBytes, settings.maxRelayBytes),
    depth: MAX_DATA_DEPTH,
    values: settings.maxCommandValues,
    messages: (kind, bytes, crowd = ALONE) => messageRate(settings, kind, bytes, crowd),
    upgrades: UPGRADES,
    posts: postRate(),
  };
}

function postRate(): Rate {
  const ofTenant = DEFAULT_MESSAGE_LIMITS.find(({ by }) => by === 'tenant');
  if (ofTenant === undefined) throw new Error('expected a limit of messages by tenant');
  const { limit, window_size: seconds, burst } = ofTenant;
  return { perSecond: limit / seconds, burst };
}

const ALONE: Crowd = { sockets: 1, users: 1 };

/** The least of the rate of messages and those of bytes: its own, and its share of its user's and its tenant's. */
function messageRate(settings: Settings, kind: MessageKind, bytes: number, crowd: Crowd): Rate {
  const { socket, user, tenant } =
    kind === 'command' ? settings.byteRates.commands : settings.byteRates.relay;
  const ofBytes = ({ perSecond, burst }: ByteRate, counted: number, sharers: number): Rate => ({
    perSecond: perSecond === 0 ? Infinity : perSecond / counted / sharers,
    burst: perSecond === 0 ? Infinity : burst / counted / sharers,
  });
  const counted = bytes + MESSAGE_OVERHEAD_BYTES;
  const rates = [
    { perSecond: settings.maxMessagesPerSecond, burst: settings.messageBurst },
    ofBytes(socket, bytes, 1),
    ofBytes(user, counted, Math.ceil(crowd.sockets / crowd.users)),
    ofBytes(tenant, counted, crowd.sockets),
  ];
  return {
    perSecond: Math.min(...rates.map(({ perSecond }) => perSecond)),
    burst: Math.min(...rates.map(({ burst }) => burst)),
  };
}
