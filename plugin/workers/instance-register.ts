import { randomInt } from 'node:crypto';
import { Instances } from '../server/instances';
import type { InstanceMessage, ToPrimary } from './messages';

/** The instance that an id stands for, as any worker can make it. */
export interface RegisteredInstance {
  readonly config: string;
  /** It holds nothing. */
  close?(): void;
}

/**
 * The instances that all workers' ids stand for, in the primary. A worker gives Kong an id only once it is here, so an id that is
 * not here is known nowhere.
 */
export class InstanceRegister {
  readonly #instances: Instances<RegisteredInstance>;

  constructor(instances = new Instances<RegisteredInstance>(randomInt)) {
    this.#instances = instances;
  }

  /**
   * Takes a message of a worker.
   * @param answer to this worker
   * @param tellOthers all workers but this one
   */
  take(
    message: ToPrimary,
    answer: (message: InstanceMessage) => void,
    tellOthers: (message: InstanceMessage) => void,
  ): void {
    switch (message.type) {
      case 'start': {
        const { ask, config } = message;
        answer({ type: 'instance', ask, id: this.#instances.add({ config }), config });
        return;
      }
      case 'find': {
        const { ask, id } = message;
        const config = this.#instances.get(id)?.config;
        answer({ type: 'instance', ask, id, config });
        return;
      }
      case 'remove':
        this.#instances.remove(message.id);
        tellOthers({ type: 'removed', id: message.id });
    }
  }
}
