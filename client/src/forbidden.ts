import { CLOSE_CODES } from '../../protocol/close-codes.ts';
import { parseObject } from './parse-frame.ts';

const FORBIDDEN = 403;

/**
 * The message of a refusal that will not heal: in the bridge's 403 stands the code with which a WebSocket would be closed
 * (PROTOCOL.md §11).
 * @returns undefined for every other answer: the gateway may admit another token
 */
export function forbiddenReason(status: number, body: string): string | undefined {
  if (status !== FORBIDDEN) return undefined;
  const { closeCode, message } = parseObject(body) ?? {};
  return closeCode === CLOSE_CODES.forbidden.code ? String(message) : undefined;
}
