import { readFileSync } from 'node:fs';
import { join } from 'node:path';

const GUIDE = readFileSync(join(__dirname, '../../docs/redis.md'), 'utf8');

/**
 * The rules of a user as docs/redis.md has them, as ACL SETUSER takes them: the name first, with the password `secret`.
 * @param right one that tells it from others of its name
 */
export function documentedUser(name: string, right: string): readonly string[] {
  const line = GUIDE.split('\n').find(
    (one) => one.startsWith(`user ${name} `) && one.split(' ').includes(right),
  );
  if (line === undefined) throw new Error(`expected a user ${name} with ${right} in docs/redis.md`);
  return line.replace('>PASSWORD', '>secret').split(' ').slice(1);
}
