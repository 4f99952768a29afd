import { Command, InvalidArgumentError } from 'commander';
import { PEER_NAMES } from './all-peers';

/** The options of every bench. */
export interface BenchOptions {
  readonly rounds: number;
  /** Measured seconds a trial. */
  readonly seconds: number;
  readonly peers: readonly string[];
  /** A folder for CPU profiles of the servers, which are then not worth comparing. */
  readonly profile?: string;
}

/** A bench's command line, to which it may add. */
export function benchCommand(name: string, description: string, seconds: number): Command {
  return new Command(`bench:${name}`)
    .description(description)
    .option('--rounds <count>', 'rounds, of which the medians count', count, 3)
    .option('--seconds <count>', 'measured seconds a trial', count, seconds)
    .option('--peers <names>', PEER_NAMES.join(','), (text) => text.split(','), PEER_NAMES)
    .option('--profile <folder>', 'write CPU profiles of the servers there');
}

/** Reads an option that is a whole number above 0. @throws InvalidArgumentError */
export function count(text: string): number {
  if (!/^[1-9]\d{0,5}$/.test(text)) throw new InvalidArgumentError('expected a whole number above 0');
  return Number(text);
}
