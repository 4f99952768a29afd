import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, join } from 'node:path';
import { failuresOf, rowOf, type JestResult } from '../../dev/redis-servers/result';
import { findServer, readVersion } from '../../dev/redis-servers/server';
import { makeOwnFolder, type OwnFolder } from '../fakes/own-folder';

const PATH = process.env['PATH'] ?? '';
const SAYS = '#!/bin/sh\necho "Valkey server v=8.1.4 sha=00000000:0 malloc=jemalloc-5.3.0 bits=64"\n';
/** A loader, which runs what it is given once it has been told its libraries. */
const LOADER = '#!/bin/sh\n[ "$1" = --library-path ] && [ -d "$2" ] && shift 2 && exec "$@"\n';

let folder: OwnFolder;
beforeEach(() => {
  folder = makeOwnFolder('redis-servers-');
});
afterEach(async () => {
  process.env['PATH'] = PATH;
  await folder.remove();
});

function script(name: string, text: string): string {
  const path = join(folder.path, name);
  writeFileSync(path, text, { mode: 0o755 });
  return path;
}

/** A Docker with one image, whose libraries are these; `asked` is what it was told to do. */
function dockerWith(library: string): string {
  const bin = join(folder.path, 'bin');
  const asked = join(folder.path, 'asked');
  mkdirSync(bin);
  const [server, loader] = [script('server', SAYS), script('loader', LOADER)];
  script(
    'bin/docker',
    `#!/bin/sh
echo "$*" >> '${asked}'
for last in "$@"; do :; done
case "$*" in
  "create valkey/valkey:8") echo c1 ;;
  inspect*) echo '["valkey-server"]' ;;
  "cp --follow-link c1:/usr/local/bin/valkey-server "*) cp '${server}' "$last" ;;
  "cp c1:/usr/lib "*) mkdir -p "$last/${library}" && cp '${loader}' "$last/${library}/ld-linux-x86-64.so.2" ;;
  "rm c1") ;;
  *) echo "no such image" >&2; exit 1 ;;
esac
`,
  );
  process.env['PATH'] = `${bin}${delimiter}${PATH}`;
  return asked;
}

/** Where what is taken out of an image goes. */
function emptyFolder(): string {
  const path = join(folder.path, 'taken');
  mkdirSync(path);
  return path;
}

describe('a server that the tests are to run against', () => {
  it('is a program, with the name and the version that it says', () => {
    const path = script('valkey-server', SAYS);
    expect(findServer(path, folder.path)).toEqual({ path, name: 'Valkey 8.1.4' });
    expect(readVersion('Redis server v=7.2.11 sha=0 malloc=libc bits=64', 'x')).toBe('Redis 7.2.11');
  });

  it('is refused when it is no Redis', () => {
    const path = script('other', '#!/bin/sh\necho "memcached 1.6"\n');
    expect(() => findServer(path, folder.path)).toThrow(
      /other: expected a Redis or a Valkey, got "memcached 1.6/,
    );
  });

  it("is an image's command, with the image's loader and libraries, and the container is removed", () => {
    const asked = dockerWith('x86_64-linux-gnu');
    const { path, name } = findServer('valkey/valkey:8', emptyFolder());
    expect(name).toBe('Valkey 8.1.4');
    expect(execFileSync(path, ['--version'], { encoding: 'utf8' })).toContain('v=8.1.4');
    expect(readFileSync(asked, 'utf8').trimEnd().split('\n').at(-1)).toBe('rm c1');
  });

  it('is refused when its image is not there, or has no loader as Debian has it', () => {
    dockerWith('musl');
    const taken = emptyFolder();
    expect(() => findServer('redis:0', taken)).toThrow(
      'expected the path of a program or an image, got redis:0: no such image',
    );
    expect(() => findServer('valkey/valkey:8', taken)).toThrow('expected an image that is based on Debian');
  });
});

describe("a server's result", () => {
  const assertionResults = [
    { status: 'passed', fullName: 'a limit admits' },
    { status: 'failed', fullName: 'a limit refuses' },
  ];
  const result: JestResult = {
    numPassedTests: 1,
    numFailedTests: 1,
    numPendingTests: 2,
    numFailedTestSuites: 2,
    testResults: [
      { name: 'a.test.ts', message: '● a limit refuses', assertionResults },
      { name: 'b.test.ts', message: '● Test suite failed to run', assertionResults: [] },
      { name: 'c.test.ts', message: '', assertionResults: [] },
    ],
  };

  it('is a row of counts', () => {
    expect(rowOf('Valkey 8.1.4', result)).toBe('| Valkey 8.1.4 | 1 | 1 | 2 |');
  });

  it('names the tests that failed, and the files that could not be run', () => {
    expect(failuresOf(result)).toEqual(['a.test.ts: a limit refuses', 'b.test.ts: did not run']);
  });
});
