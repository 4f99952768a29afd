import { randomInt } from 'node:crypto';
import { describe, expect, it } from '@jest/globals';
import { Instances, type PluginInstance } from '../../../plugin/server/instances';

const instance = (): PluginInstance => ({ access: () => Promise.resolve() });

describe('instance ids', () => {
  it('are positive int32, unguessable and distinct', () => {
    const instances = new Instances(randomInt);
    const ids = Array.from({ length: 1000 }, () => instances.add(instance()));
    expect(new Set(ids).size).toBe(1000);
    for (const id of ids) expect(id > 0 && id < 2 ** 31).toBe(true);
    // Counted up from anywhere, the differences would be few.
    expect(new Set(ids.slice(1).map((id, i) => id - (ids[i] ?? 0))).size).toBeGreaterThan(990);
  });

  it('are drawn again when one is taken', () => {
    const draws = [7, 7, 7, 8];
    const instances = new Instances(() => draws.shift() ?? 0);
    expect([instances.add(instance()), instances.add(instance())]).toEqual([8, 9]);
  });
});

describe('instances', () => {
  it('are bounded: the least recently used one goes first', () => {
    const instances = new Instances(randomInt, 2);
    const [a, b] = [instance(), instance()];
    const idA = instances.add(a);
    const idB = instances.add(b);
    expect(instances.get(idA)).toBe(a);
    instances.add(instance());
    expect(instances.size).toBe(2);
    expect(instances.get(idA)).toBe(a);
    expect(instances.get(idB)).toBeUndefined();
  });
});
