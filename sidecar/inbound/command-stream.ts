import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RedisNames } from '../redis/names';
import { CommandTurns } from './command-turns';
import { SpentShares } from './spent-shares';
import type { Commands } from '../../redis/options';

/** Where commands go, how much is kept, and how much of it is a tenant's. */
export interface CommandStreamSettings {
  /** Without its prefix. */
  readonly commandStream: string;
  readonly commandStreamMaxLength: number;
  readonly commandStreamMaxBytes: number;
  /** How many bytes a tenant may add at once, on all bridges together; 0 for any number. */
  readonly commandTenantBytes: number;
  /** Over how long they are free again, in milliseconds. */
  readonly commandTenantWindowMs: number;
  /** How many ids of a session are remembered. */
  readonly maxCommandIds: number;
  /** For how long after the last one, in milliseconds. */
  readonly commandIdTtlMs: number;
  /** For how long Redis may not answer, in milliseconds: a command waits no longer for its turn either. */
  readonly redisTimeoutMs: number;
}

/** A command on its way to the stream. */
export interface CommandToAdd {
  /** Fields and values in turn. */
  readonly entry: readonly string[];
  readonly tenantId: string;
  readonly session: string;
  /** The id by which its session remembers it; undefined adds it however often it comes. */
  readonly onceId: string | undefined;
}

/**
 * - `added`: now
 * - `known`: it was added before, under its id
 * - `over share`: it was not added, for its tenant has used up its share of the stream
 */
export type AddOutcome = 'added' | 'known' | 'over share';

/** Sent with each command, so without what is for readers only. */
const ADD_COMMAND_LUA = readFileSync(join(__dirname, 'add-command.lua'), 'utf8').replace(
  /^ *(?:--.*)?\n/gm,
  '',
);

/** As many bytes of a hash as make it unlikely enough that two ids of a session share them. */
const ID_BYTES = 12;

/** The stream that commands are added to, with its bounds. */
export class CommandStream {
  readonly #redis: Commands;
  readonly #names: RedisNames;
  readonly #settings: CommandStreamSettings;
  readonly #stream: string;
  readonly #spent: SpentShares;
  readonly #turns: CommandTurns;

  /** @param monotonicMs milliseconds of a clock that nobody sets */
  constructor(
    redis: Commands,
    names: RedisNames,
    settings: CommandStreamSettings,
    monotonicMs: () => number,
  ) {
    this.#redis = redis;
    this.#names = names;
    this.#settings = settings;
    this.#stream = names.commandStream(settings.commandStream);
    this.#spent = new SpentShares(monotonicMs);
    this.#turns = new CommandTurns(settings.redisTimeoutMs, monotonicMs);
  }

  /**
   * Adds a command, once it is its turn among its tenant's, with all that goes with it in one step. So a command whose
   * answer was lost can be sent again and is not run twice.
   * @throws when Redis does not confirm it, or it waited too long for its turn
   */
  add(command: CommandToAdd): Promise<AddOutcome> {
    const size = command.entry.reduce((sum, text) => sum + Buffer.byteLength(text), 0);
    return this.#turns.take(command.tenantId, size, () => this.#addNow(command, size));
  }

  async #addNow({ entry, tenantId, session, onceId }: CommandToAdd, size: number): Promise<AddOutcome> {
    if (this.#spent.isSpent(tenantId, size)) return 'over share';
    const stream = this.#stream;
    const names = this.#names;
    const keys = [stream, names.commandLedger(stream), names.tenantCommands(stream, tenantId)];
    if (onceId !== undefined) {
      keys.push(names.commandIds(stream, session), names.formerCommandId(stream, session, onceId));
    }
    const settings = this.#settings;
    // EVAL rather than EVALSHA: a script sent again after NOSCRIPT would overtake or be overtaken.
    const answer = (await this.#redis.eval(
      ADD_COMMAND_LUA,
      keys.length,
      ...keys,
      settings.commandStreamMaxLength,
      settings.commandStreamMaxBytes,
      settings.commandTenantBytes,
      settings.commandTenantWindowMs,
      settings.maxCommandIds,
      settings.commandIdTtlMs,
      onceId === undefined ? '' : shortened(onceId),
      ...entry,
    )) as number;
    if (answer === 0) return 'added';
    if (answer < 0) return 'known';
    this.#spent.add(tenantId, size, answer);
    return 'over share';
  }
}

function shortened(id: string): Buffer {
  return createHash('sha256').update(id).digest().subarray(0, ID_BYTES);
}
