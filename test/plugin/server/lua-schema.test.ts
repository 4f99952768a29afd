import { describe, expect, it } from '@jest/globals';
import { luaSchema } from '../../../plugin/server/lua-schema';
import { pluginSchema } from '../../../plugin/server/plugin-info';

const NULL = 'ngx.null';

/** Reads the little of Lua that the schema is written in. */
class LuaTables {
  readonly #tokens: readonly string[];
  #at = 0;

  constructor(lua: string) {
    const code = lua.replace(/^--[^\n]*\nreturn /, '');
    this.#tokens =
      code.match(/"(?:[^"\\\n]|\\\d{3})*"|-?\d+(?:\.\d+)?|true|false|ngx\.null|[{}[\]=,]/g) ?? [];
    const rest = code.replaceAll(/("(?:[^"\\]|\\.)*")|\s/g, '$1');
    if (this.#tokens.join('') !== rest) throw new SyntaxError('expected nothing but tables and values');
  }

  read(): unknown {
    const value = this.#value();
    if (this.#at !== this.#tokens.length) throw new SyntaxError('expected the end');
    return value;
  }

  #take(): string {
    return this.#tokens[this.#at++] ?? '';
  }

  #expect(token: string): void {
    if (this.#take() !== token) throw new SyntaxError(`expected ${token}`);
  }

  #value(): unknown {
    const token = this.#take();
    if (token === '{') return this.#table();
    if (token === NULL) return null;
    if (token.startsWith('"')) return textOf(token);
    return JSON.parse(token);
  }

  #table(): unknown {
    const list: unknown[] = [];
    const record: Record<string, unknown> = {};
    for (;;) {
      const token = this.#take();
      if (token === '}') break;
      if (token === '[') {
        const key = textOf(this.#take());
        this.#expect(']');
        this.#expect('=');
        record[key] = this.#value();
      } else {
        this.#at -= 1;
        list.push(this.#value());
      }
      this.#expect(',');
    }
    return Object.keys(record).length > 0 ? record : list;
  }
}

function textOf(token: string): string {
  const bytes = token.slice(1, -1).match(/\\\d{3}|[^\\]/g) ?? [];
  return Buffer.from(
    bytes.map((byte) => (byte.startsWith('\\') ? Number(byte.slice(1)) : byte.charCodeAt(0))),
  ).toString('utf8');
}

/** As Lua has it: an empty record is an empty list. */
function asTables(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value), (_, item: unknown) =>
    typeof item === 'object' && item !== null && Object.keys(item).length === 0 ? [] : item,
  );
}

describe('the schema in Lua', () => {
  it('says what the plugin info says', () => {
    expect(new LuaTables(luaSchema()).read()).toEqual(asTables(pluginSchema()));
  });

  it('is ASCII and requires no module, which a control plane of Konnect would refuse', () => {
    expect(luaSchema()).toMatch(/^[\n -~]+$/);
    expect(luaSchema().replaceAll(/"[^"\n]*"/g, '')).not.toMatch(/require|function/);
  });
});
