import { isCluster, type RedisClient } from '../redis/client';
import { jsonOf } from './json';
import { publisher } from '../redis/publish';
import { confirmed } from '../redis/within';

/** Where a dashboard's frames go, and how long the newest is kept. */
export interface DashboardPlace {
  readonly channel: string;
  readonly stateKey: string;
  readonly stateTtlSeconds: number;
}

/** A dashboard, to refresh. */
export interface Dashboard {
  /**
   * Publishes a state as `{"type": "refresh", "data": …}`, and keeps it for who opens the dashboard later (PROTOCOL.md §3).
   * @returns how many bridges heard it; rejects when Redis does not confirm it
   */
  refresh(state: unknown): Promise<number>;
}

/** Refreshes of one dashboard go out one after the other, so that its state is never older than its newest frame. */
export class Dashboards {
  readonly #redis: RedisClient;
  /** The last refresh of each dashboard that has one on its way, by its channel. */
  readonly #last = new Map<string, Promise<unknown>>();

  constructor(redis: RedisClient) {
    this.#redis = redis;
  }

  at(place: DashboardPlace): Dashboard {
    return { refresh: async (state) => this.#refresh(place, `{"type":"refresh","data":${jsonOf(state)}}`) };
  }

  #refresh(place: DashboardPlace, text: string): Promise<number> {
    const { channel } = place;
    const before = this.#last.get(channel) ?? Promise.resolve();
    let waiting: string | undefined = text;
    const refreshed = before.then(() => (waiting === undefined ? 0 : this.#keepAndPublish(place, waiting)));
    const over = refreshed
      .catch(() => undefined)
      .then(() => {
        if (this.#last.get(channel) === over) this.#last.delete(channel);
      });
    this.#last.set(channel, over);
    return confirmed(refreshed, () => {
      // Nobody waits for it, and one behind it may say more.
      waiting = undefined;
    });
  }

  async #keepAndPublish(place: DashboardPlace, text: string): Promise<number> {
    const { channel, stateKey, stateTtlSeconds } = place;
    const redis = this.#redis;
    if (isCluster(redis)) {
      // The two are at different masters: the state is there before anybody hears of it.
      await redis.set(stateKey, text, 'EX', stateTtlSeconds);
      return publisher(redis)(channel, text);
    }
    const step = redis.multi().set(stateKey, text, 'EX', stateTtlSeconds).publish(channel, text);
    const replies = (await step.exec()) ?? [];
    for (const [error] of replies) if (error !== null) throw error;
    return Number(replies.at(-1)?.[1] ?? 0);
  }
}
