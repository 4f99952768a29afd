import { randomInt } from 'node:crypto';
import { Instances, type InstanceBook, type PluginInstance } from './instances';
import type { InstanceMaker } from './instance-maker';

/** The instances of a gatekeeper that is one process. */
export class OwnInstances implements InstanceBook {
  readonly #make: InstanceMaker;
  readonly #instances: Instances;

  constructor(make: InstanceMaker, instances = new Instances(randomInt)) {
    this.#make = make;
    this.#instances = instances;
  }

  get size(): number {
    return this.#instances.size;
  }

  start(config: Buffer): number {
    return this.#instances.add(this.#make(config.toString('utf8')));
  }

  get(id: number): PluginInstance | undefined {
    return this.#instances.get(id);
  }

  remove(id: number): void {
    this.#instances.remove(id);
  }
}
