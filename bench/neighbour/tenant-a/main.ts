import { constants, setPriority } from 'node:os';
import { clockUs, untilUs } from '../../clock';
import { answerCalls } from '../../worker';
import { Arena } from './arena';
import { ATTACKS } from './attacks';
import type { AttackOrder, Deeds, TenantACalls } from './calls';

// A's clients are elsewhere: here they take what the others leave of the machine.
setPriority(constants.priority.PRIORITY_LOW);

answerCalls<TenantACalls>({ attack });

async function attack(order: AttackOrder): Promise<Deeds> {
  const play = ATTACKS.find(({ name }) => name === order.attack)?.[order.part];
  if (play === undefined) throw new RangeError(`expected the name of an attack, got "${order.attack}"`);
  await untilUs(order.startUs);
  const arena = new Arena(order);
  // Who waits for room or for an answer does not notice that it is over.
  const timer = setTimeout(
    () => {
      arena.leave();
    },
    (order.endUs - clockUs()) / 1000,
  );
  await play(arena);
  clearTimeout(timer);
  const deeds = arena.deeds();
  arena.leave();
  return deeds;
}
