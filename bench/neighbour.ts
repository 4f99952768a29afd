import { Command, InvalidArgumentError, Option } from 'commander';
import { shippedLimits } from './neighbour/limits';
import { resultTable, type Result } from './neighbour/rows';
import type { Strength } from './neighbour/schedule';
import { shippedMemoryBytes } from './neighbour/shipped-memory';
import type { Attack } from './neighbour/tenant-a/attack';
import { ATTACKS } from './neighbour/tenant-a/attacks';
import { lingerMs, neighbourTrial, type TrialOutcome } from './neighbour/trial';
import { verdictOf, type Bounds } from './neighbour/verdict';
import { thisMachine } from './machine';
import { count } from './options';
import { profileFlags } from './profile';
import { progress } from './report';

/**
 * Measures tenant B of a bridge while tenant A does its worst: within its limits, then beyond them. Each attack has a
 * bridge, with the shipped settings, and a Redis of its own. The gatekeeper is not in the path: the bench signs
 * assertions itself, with the code of protocol/. A keeps to the upgrades that the gatekeeper would let it have.
 */

const SECONDS = 10;
const STRENGTHS: readonly Strength[] = ['within', 'over'];

interface Options {
  readonly seconds: number;
  readonly only: readonly Attack[];
  readonly strict?: true;
  readonly elsewhere?: true;
  readonly profile?: string;
}

void main();

async function main(): Promise<void> {
  const { seconds, only, strict, elsewhere, profile } = readOptions();
  const machine = thisMachine();
  const bounds = {
    memoryMb: shippedMemoryBytes() / 2 ** 20,
    coalesceMs: shippedLimits().settings.maxCoalesceMs,
  };
  const results: Result[] = [];
  const outcomes: Record<string, TrialOutcome> = {};
  const failed: string[] = [];
  for (const attack of only) {
    progress(`neighbour, ${attack.name}: ${attack.does}`);
    try {
      const options = { seconds, nodeFlags: profileFlags(profile), isElsewhere: elsewhere === true };
      const outcome = await neighbourTrial(attack, options);
      outcomes[attack.name] = outcome;
      results.push(...resultsOf(attack, outcome, bounds));
    } catch (error) {
      failed.push(attack.name);
      progress(
        `neighbour, ${attack.name} could not be run: ${error instanceof Error ? error.message : String(error)}`,
      );
    }
  }
  const settings = { seconds, lingerMs: lingerMs(seconds), isElsewhere: elsewhere === true, ...bounds };
  console.log(
    `\n${resultTable(results)}\n\n${JSON.stringify({ bench: 'neighbour', machine, settings, outcomes })}`,
  );
  const isOver = results.some(({ verdict }) => verdict.length > 0);
  if (failed.length > 0 || (strict === true && isOver)) process.exitCode = 1;
}

function readOptions(): Options {
  return new Command('bench:neighbour')
    .description(`Measures one tenant while another attacks.\n\n${attackList()}`)
    .option('--seconds <count>', 'of each phase: calm, within the limits, over them', count, SECONDS)
    .addOption(
      new Option('--only <names>', 'attacks, with commas between them')
        .argParser(readAttacks)
        .default(ATTACKS, 'all of them'),
    )
    .option('--strict', 'ends with 1 when a verdict is not good')
    .option('--elsewhere', 'A attacks another bridge on the same machine: what is left is not the bridge')
    .option('--profile <folder>', 'write CPU profiles of the bridges there')
    .parse()
    .opts<Options>();
}

function attackList(): string {
  const width = Math.max(...ATTACKS.map(({ name }) => name.length));
  return ATTACKS.map(({ name, does }) => `${name.padEnd(width)}  ${does}`).join('\n');
}

function readAttacks(text: string): readonly Attack[] {
  return text.split(',').map((wanted) => {
    const attack = ATTACKS.find(({ name }) => name === wanted);
    if (attack !== undefined) return attack;
    throw new InvalidArgumentError(`expected some of ${ATTACKS.map(({ name }) => name).join(', ')}`);
  });
}

function resultsOf(attack: Attack, { phases, deeds }: TrialOutcome, bounds: Bounds): Result[] {
  return STRENGTHS.map((strength) => {
    const { figures: calm } = phases.calm;
    const { figures: beside, refusals } = phases[strength];
    const { sockets, writes } = deeds[strength];
    const idle = sockets + writes === 0 ? ['A did nothing'] : [];
    const verdict = [...verdictOf(calm, beside, bounds), ...idle];
    const result = { name: `${attack.name}, ${strength}`, calm, beside, verdict };
    progress(
      `  ${strength}: ${verdict.length === 0 ? 'good' : verdict.join(', ')}; A: ${sayDeeds(deeds[strength])}`,
    );
    for (const [reason, times] of Object.entries(refusals)) progress(`    refused ${times} times: ${reason}`);
    return result;
  });
}

function sayDeeds(deeds: object): string {
  return Object.entries(deeds)
    .map(([name, value]) => `${name} ${Math.round(Number(value))}`)
    .join(', ');
}
