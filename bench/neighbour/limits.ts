import { MAX_DATA_DEPTH } from '../../sidecar/commands';
import { parseSettings, type Settings } from '../../sidecar/settings';
import { ASSERTION_SECRET } from '../peers/ws-bridge';
import type { Rate } from './pursue';

/** What the bridge's documents let one client do, as shipped. */
export interface Limits {
  readonly settings: Settings;
  /** The largest command, relayed message and message on a one-way route, in bytes. */
  readonly commandBytes: number;
  readonly relayBytes: number;
  /** How deep `data` of a command may be nested. */
  readonly depth: number;
  /** Messages of so many bytes that one socket may send. */
  readonly messages: (kind: 'command' | 'relay', bytes: number) => Rate;
  /** Upgrades of a tenant: the gatekeeper's, of its largest tier. */
  readonly upgrades: Rate;
}

/** kong.yml: `rate_limits`, `enterprise`. */
const UPGRADES: Rate = { perSecond: 1000 / 60, burst: 200 };

/** The limits with the settings at their defaults. */
export function shippedLimits(): Limits {
  const settings = parseSettings({ BRIDGE_ASSERTION_SECRET: ASSERTION_SECRET });
  const rate = { perSecond: settings.maxMessagesPerSecond, burst: settings.messageBurst };
  return {
    settings,
    commandBytes: Math.min(settings.maxFrameBytes, settings.maxCommandBytes),
    relayBytes: Math.min(settings.maxFrameBytes, settings.maxRelayBytes),
    depth: MAX_DATA_DEPTH,
    messages: () => rate,
    upgrades: UPGRADES,
  };
}
