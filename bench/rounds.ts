import type { Figures } from './median';

/** One of those that are measured side by side. */
export interface Contestant {
  readonly name: string;
  /** One trial of it, from its start to its end. */
  run(): Promise<Figures>;
}

/**
 * Runs each contestant once a round. Each round begins with another one, so that none is always first or always
 * behind the same neighbour.
 * @param progress told of each trial when it has ended
 * @returns for each name its figures, round by round
 */
export async function runRounds(
  rounds: number,
  contestants: readonly Contestant[],
  progress: (round: number, name: string, figures: Figures) => void,
): Promise<ReadonlyMap<string, readonly Figures[]>> {
  const results = new Map(contestants.map(({ name }): [string, Figures[]] => [name, []]));
  for (let round = 0; round < rounds; round += 1) {
    const turn = round % contestants.length;
    for (const contestant of [...contestants.slice(turn), ...contestants.slice(0, turn)]) {
      const figures = await contestant.run();
      results.get(contestant.name)?.push(figures);
      progress(round + 1, contestant.name, figures);
    }
  }
  return results;
}
