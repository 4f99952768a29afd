import { jest } from '@jest/globals';
import { Redis, type Command } from 'ioredis';
import { monitorRedis } from './redis-monitor';

/** A command as it was sent, its name first. */
export type Asked = readonly string[];

/** The commands that this process asks of Redis as one user. */
export interface Recording {
  /** So far, each once. */
  readonly asked: () => readonly Asked[];
  stop(): void;
}

/** The commands that are sent, while they are sent. */
export interface SentRecording extends Recording {
  /** Whether a command of this name, in lower case, was sent. */
  readonly hasAsked: (name: string) => boolean;
}

/** Commands of scripts are not in it: see {@link askedByScripts}. */
export function recordAsked(username: string): SentRecording {
  const spy = jest.spyOn(Redis.prototype, 'sendCommand');
  const commands = (): Command[] =>
    spy.mock.calls
      .filter((_, index) => (spy.mock.contexts[index] as Redis).options.username === username)
      .map(([command]) => command);
  return {
    hasAsked: (asked) => commands().some(({ name }) => name.toLowerCase() === asked),
    asked: () => {
      // Redis looks at no right for what may be asked before a login.
      return unique(
        commands()
          .map(written)
          .filter(([name]) => !/^(?:hello|auth|quit)$/.test(name ?? '')),
      );
    },
    stop: () => {
      spy.mockRestore();
    },
  };
}

/** The commands that scripts ask of a server from now on, whoever runs them. */
export async function askedByScripts(server: Redis): Promise<Recording> {
  const asked: Asked[] = [];
  const stop = await monitorRedis(server, (args, source) => {
    if (source === 'lua') asked.push(args);
  });
  return { asked: () => unique(asked), stop };
}

function written(command: Command): string[] {
  return [command.name.toLowerCase(), ...command.args.map(String)];
}

function unique(asked: readonly (readonly string[])[]): readonly Asked[] {
  return [...new Map(asked.map((one) => [JSON.stringify(one), one])).values()];
}

/** The rules without which none of what was asked is denied: Redis's own word, of another user with all but one. */
export async function needlessRules(
  server: Redis,
  user: readonly string[],
  asked: readonly Asked[],
): Promise<readonly string[]> {
  const rules = user.slice(1);
  if ((await denied(server, rules, asked)).length > 0) throw new Error('expected all of it to be allowed');
  const needless: string[] = [];
  for (const rule of rules.filter((one) => /^[~%&+]/.test(one))) {
    const without = rules.filter((one) => one !== rule);
    if ((await denied(server, without, asked)).length === 0) needless.push(rule);
  }
  return needless;
}

/** Those of them that Redis denies a user of these rules. */
export async function denied(
  server: Redis,
  rules: readonly string[],
  asked: readonly Asked[],
): Promise<readonly Asked[]> {
  await server.call('ACL', 'SETUSER', 'shadow', 'reset', ...rules);
  const answers = await Promise.all(asked.map((one) => dryRun(server, one)));
  return asked.filter((_, index) => answers[index] !== 'OK');
}

async function dryRun(server: Redis, command: Asked): Promise<unknown> {
  try {
    return await server.call('ACL', 'DRYRUN', 'shadow', ...command);
  } catch (error) {
    // A later version denies what this one does not know.
    if ((error as Error).message.includes('not found')) return 'unknown';
    throw error;
  }
}
