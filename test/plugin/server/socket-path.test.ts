import { mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from '@jest/globals';
import { SocketPath } from '../../../plugin/server/socket-path';
import { makeOwnFolder, type OwnFolder } from '../../fakes/own-folder';

let folder: OwnFolder;
beforeEach(() => {
  folder = makeOwnFolder('socket-path-');
});
afterEach(() => folder.remove());

describe('the path that Kong connects to', () => {
  it('takes the place of no file and of no folder', () => {
    const [file, inner] = [join(folder.path, 'kong.yml'), join(folder.path, 'inner')];
    writeFileSync(file, 'services: []');
    mkdirSync(inner);
    for (const path of [file, inner]) {
      expect(() => new SocketPath(path, 0o660)).toThrow(
        `expected a socket at ${path}, or nothing: there is something else`,
      );
    }
    expect(readFileSync(file, 'utf8')).toBe('services: []');
  });

  it('is no empty text', () => {
    expect(() => new SocketPath('', 0o660)).toThrow('expected the path of a socket, got an empty text');
  });
});
