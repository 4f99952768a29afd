import { findCommand } from '../command';
import type { Gateway } from './gateway';
import { kong } from './kong';
import { standIn } from './stand-in';

/** The values of `--gateway`. */
export const GATEWAY_NAMES = ['kong', 'stand-in'] as const;
export type GatewayName = (typeof GATEWAY_NAMES)[number];

/**
 * The gateway of this name; without one, Kong where there is one, else the stand-in.
 * @throws Error when it is to be Kong and `kong` is not on PATH
 */
export async function gatewayFor(name: GatewayName | undefined): Promise<Gateway> {
  if (name === 'stand-in') return standIn;
  const command = await findCommand('kong');
  if (command !== undefined) return kong(command);
  if (name === undefined) return standIn;
  throw new Error('kong is not on PATH; --gateway stand-in measures with a proxy in Node in its place');
}
