import type { Steps } from '../../sidecar/lib/loop-shares';

/** Takes all steps of work at once. */
export function takeAll(steps: Steps): void {
  while (steps.next().done !== true);
}
