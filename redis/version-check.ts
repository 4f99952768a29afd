import { ReplyError, type Redis } from 'ioredis';

/** The first major version that has what is asked of it: SET with NX and GET at once, SPUBLISH, and `%R~` in an ACL. */
const LEAST_MAJOR = 7;

/**
 * Judges the version that a Redis says. A Valkey says one of Redis too, whose commands it has.
 * @param info its answer to `INFO server`
 * @returns undefined when it will do, or is not told
 */
export function versionDoubt(info: string): string | undefined {
  const [, version, major] = /^redis_version:((\d+)\.[\w.-]+)/m.exec(info) ?? [];
  if (version === undefined || Number(major) >= LEAST_MAJOR) return undefined;
  return `Redis ${version} is too old: it takes no claim of an AI chat, which is refused with 503, and its clusters know no SPUBLISH`;
}

/**
 * The fault of the first of these servers whose version is too old. Where the ACL denies INFO, nothing is known.
 * @throws when one does not answer
 */
export async function checkVersion(masters: readonly Redis[]): Promise<string | undefined> {
  const doubts = await Promise.all(masters.map(doubtOf));
  return doubts.find((doubt) => doubt !== undefined);
}

async function doubtOf(master: Redis): Promise<string | undefined> {
  try {
    return versionDoubt(await master.info('server'));
  } catch (error) {
    if (error instanceof ReplyError) return undefined;
    throw error;
  }
}
