import { LatencyHistogram } from '../latency-histogram';
import type { Figures } from '../median';
import { phaseAt, PHASES, type Phase, type Schedule } from './schedule';

/** The faults that tenant B may meet, each counted. */
export const FAULTS = ['lost', 'doubled', 'gaps', 'closed'] as const;
export type Fault = (typeof FAULTS)[number];
/** The acts of B that are timed. */
export const LATENCIES = ['token', 'ack', 'connect'] as const;
export type Latency = (typeof LATENCIES)[number];

/** One phase of tenant B, as it crosses from process to process. */
export interface PhaseFigures {
  readonly figures: Figures;
  /** The refusals of B, why, and how often. */
  readonly refusals: Readonly<Record<string, number>>;
}

/** Tenant B's observations, phase by phase: each thing counts to the phase in which it began. */
export class Observations {
  readonly #schedule: Schedule;
  readonly #phases: Readonly<Record<Phase, PhaseNotes>>;

  constructor(schedule: Schedule) {
    this.#schedule = schedule;
    this.#phases = { calm: new PhaseNotes(), within: new PhaseNotes(), over: new PhaseNotes() };
  }

  /** An act that begins after the last phase is not timed. */
  latency(kind: Latency, beganUs: number, endedUs: number): void {
    if (beganUs >= this.#schedule.endUs) return;
    this.#at(beganUs)?.latencies[kind].record(endedUs - beganUs);
  }

  fault(kind: Fault, atUs: number): void {
    const notes = this.#at(atUs);
    if (notes !== undefined) notes.faults[kind] += 1;
  }

  refusal(reason: string, beganUs: number): void {
    const refusals = this.#at(beganUs)?.refusals;
    refusals?.set(reason, (refusals.get(reason) ?? 0) + 1);
  }

  /** How long /livez took. */
  alive(beganUs: number, endedUs: number): void {
    const notes = this.#at(beganUs);
    if (notes !== undefined) notes.livezUs = Math.max(notes.livezUs, endedUs - beganUs);
  }

  figures(): Record<Phase, PhaseFigures> {
    const entries = PHASES.map((phase) => [phase, this.#phases[phase].figures()] as const);
    return Object.fromEntries(entries) as Record<Phase, PhaseFigures>;
  }

  #at(timeUs: number): PhaseNotes | undefined {
    const phase = phaseAt(this.#schedule, timeUs);
    return phase && this.#phases[phase];
  }
}

class PhaseNotes {
  readonly latencies: Readonly<Record<Latency, LatencyHistogram>> = {
    token: new LatencyHistogram(),
    ack: new LatencyHistogram(),
    connect: new LatencyHistogram(),
  };
  readonly faults: Record<Fault, number> = { lost: 0, doubled: 0, gaps: 0, closed: 0 };
  readonly refusals = new Map<string, number>();
  livezUs = 0;

  figures(): PhaseFigures {
    const latencies = LATENCIES.flatMap((kind) => [
      [`${kind}P50Ms`, this.latencies[kind].percentileUs(0.5) / 1000] as const,
      [`${kind}P99Ms`, this.latencies[kind].percentileUs(0.99) / 1000] as const,
      [`${kind}s`, this.latencies[kind].total] as const,
    ]);
    const refused = [...this.refusals.values()].reduce((sum, count) => sum + count, 0);
    const livezMs = this.livezUs / 1000;
    return {
      figures: { ...Object.fromEntries(latencies), ...this.faults, refused, livezMs },
      refusals: Object.fromEntries(this.refusals),
    };
  }
}
