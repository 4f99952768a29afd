/** The phases that tenant B goes through: nobody beside it, A within its limits, A beyond them. */
export const PHASES = ['calm', 'within', 'over'] as const;
export type Phase = (typeof PHASES)[number];
/** A phase in which A attacks. */
export type Strength = Exclude<Phase, 'calm'>;

/** Seconds before the calm phase, which do not count: the bridge's code is still being compiled. */
const WARM_UP_SECONDS = 2;
/** Seconds at the end of each phase in which A is gone, and what it left behind still counts to the phase. */
export const AFTERMATH_SECONDS = 1;

/** When what begins, in microseconds of `clockUs`. */
export interface Schedule {
  /** From here on B's tokens are published. */
  readonly beginUs: number;
  readonly startUs: Readonly<Record<Phase, number>>;
  readonly endUs: number;
}

/** Phases of so many seconds, aftermath included. */
export function scheduleFrom(beginUs: number, seconds: number): Schedule {
  const phaseUs = seconds * 1_000_000;
  const calm = beginUs + WARM_UP_SECONDS * 1_000_000;
  return {
    beginUs,
    startUs: { calm, within: calm + phaseUs, over: calm + 2 * phaseUs },
    endUs: calm + 3 * phaseUs,
  };
}

/** The phase to which a moment belongs: undefined before the calm one; what comes after the last is its consequence. */
export function phaseAt({ startUs }: Schedule, timeUs: number): Phase | undefined {
  return PHASES.findLast((phase) => timeUs >= startUs[phase]);
}

/** When A has to be gone from a phase. */
export function attackEndsUs(schedule: Schedule, strength: Strength): number {
  const phaseEndsUs = strength === 'within' ? schedule.startUs.over : schedule.endUs;
  return phaseEndsUs - AFTERMATH_SECONDS * 1_000_000;
}
