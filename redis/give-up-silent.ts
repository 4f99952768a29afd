import type { Redis } from 'ioredis';
import { Liveness } from './liveness';

/** A shorter timeout is taken for this one, in milliseconds: a network has its hiccups. */
export const MIN_SILENCE_MS = 100;
/** Looks in the time that a connection may be silent. */
const LOOKS = 4;
/** A quiet connection is asked something after this, or two of its timeouts when they are longer, in milliseconds. */
export const IDLE_MS = 2000;
/** Each connection that is given up doubles the next one's time, up to so many times the timeout. */
export const MAX_PATIENCE = 4;
/** So many looks in a row without silence, and the patience is what it was. */
const CALM_LOOKS = 240;

/** How a connection that goes silent is given up. */
export interface SilenceSettings {
  /** A question that it has not answered by then makes it silent, in milliseconds. */
  readonly timeoutMs: number;
  /** Told before its socket is destroyed. */
  readonly onSilent?: (reason: string) => void;
}

/**
 * From now on destroys the connection's socket when it is silent: it was asked something, and nothing is heard for the timeout. A
 * quiet connection is asked with PING, so that a dead one is found before anybody needs it; any answer counts, a refusal as
 * well. TCP itself would wait for a quarter of an hour. The connection is opened anew as after any other loss. A Redis that is
 * only slow is met with more patience each time, so that it is not stormed.
 */
export function giveUpSilent(redis: Redis, settings: SilenceSettings): void {
  const timeoutMs = Math.max(settings.timeoutMs, MIN_SILENCE_MS);
  const idleLooks = LOOKS * Math.max(2, IDLE_MS / timeoutMs);
  let patience = 1;
  let calmLooks = 0;
  redis.on('connect', () => {
    const { stream } = redis;
    const liveness = new Liveness();
    const timer = setInterval(() => {
      if (stream.destroyed || redis.stream !== stream) {
        clearInterval(timer);
        return;
      }
      const verdict = liveness.look(stream, {
        askedLooks: LOOKS * patience,
        idleLooks,
      });
      if (verdict === 'silent') {
        const reason = `it did not answer for ${timeoutMs * patience} ms`;
        patience = Math.min(patience * 2, MAX_PATIENCE);
        calmLooks = 0;
        settings.onSilent?.(reason);
        giveUp(redis, reason);
        return;
      }
      if ((calmLooks += 1) === CALM_LOOKS) patience = 1;
      if (verdict === 'idle' && redis.status === 'ready') ask(redis);
    }, timeoutMs / LOOKS);
    timer.unref();
  });
}

/** Gives a connection up at once, even one whose other end no longer answers; it is opened anew. */
export function giveUp(redis: Redis, reason: string): void {
  // ioredis's own disconnect waits for the other end.
  redis.stream.destroy(new Error(reason));
}

/** That it answers is all that counts; the bytes of the answer are seen at the next look. */
function ask(redis: Redis): void {
  redis.ping().catch(() => undefined);
}
