import { pino, type Logger } from 'pino';

/** The process's log: JSON lines on standard output. Tokens, assertions and secrets are never handed to it. */
export const log: Logger = pino({
  name: 'ws-gatekeeper',
  level: process.env['GATEKEEPER_LOG_LEVEL'] ?? 'info',
});
