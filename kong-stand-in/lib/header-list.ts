import type { LuaTable } from './lua';

/** One header line: the name as it was written, the value as a byte string. */
export type HeaderLine = readonly [name: string, value: string];

/** `underscores_in_headers on` (kong/templates/nginx_kong.lua); nginx drops lines with any other name. */
const NAME_THAT_NGINX_KEEPS = /^[A-Za-z0-9_-]+$/;

/** How many header lines Kong itself reads. */
const READ_BY_KONG = 100;

/** Header lines in their order, read and changed the way `ngx.req` does it. */
export class HeaderList {
  #lines: HeaderLine[];

  constructor(lines: readonly HeaderLine[] = []) {
    this.#lines = [...lines];
  }

  /** From Node's `rawHeaders`, without the lines that nginx ignores (`ignore_invalid_headers on`). */
  static fromRaw(raw: readonly string[]): HeaderList {
    const lines: HeaderLine[] = [];
    for (let i = 0; i + 1 < raw.length; i += 2) {
      const [name = '', value = ''] = [raw[i], raw[i + 1]];
      if (NAME_THAT_NGINX_KEEPS.test(name)) lines.push([name, value]);
    }
    return new HeaderList(lines);
  }

  copy(): HeaderList {
    return new HeaderList(this.#lines);
  }

  get lines(): readonly HeaderLine[] {
    return this.#lines;
  }

  /** Every value of a name, compared without regard to case. */
  all(name: string): string[] {
    return this.#lines.filter(([other]) => sameName(name, other)).map(([, value]) => value);
  }

  /** The first value of a name. */
  first(name: string): string | undefined {
    return this.all(name)[0];
  }

  /**
   * The value that Kong itself goes by (kong/tools/http.lua `get_header`): the first line of this very name, else of the name with `-` for
   * `_`. It looks among the first hundred lines of all (`lua_max_req_headers`).
   */
  readByKong(name: string): string | undefined {
    const seen = new HeaderList(this.#lines.slice(0, READ_BY_KONG));
    return seen.first(name) ?? seen.first(name.replaceAll('_', '-'));
  }

  /** Every value under a name in which `-` and `_` are the same, as nginx's `$http_name` finds them. */
  likeVariable(name: string): string[] {
    const wanted = variableName(name);
    return this.#lines.filter(([other]) => variableName(other) === wanted).map(([, value]) => value);
  }

  /** Replaces every line of a name by these, where the first one stood; none removes the name. */
  set(name: string, values: readonly string[]): void {
    const at = this.#lines.findIndex(([other]) => sameName(name, other));
    const lines = values.map((value): HeaderLine => [escapeName(name), escapeValue(value)]);
    const before = at === -1 ? this.#lines : this.#lines.slice(0, at);
    const after = at === -1 ? [] : this.#lines.slice(at).filter(([other]) => !sameName(name, other));
    this.#lines = [...before, ...lines, ...after];
  }

  /** Appends a line, whatever is there. */
  append(name: string, value: string): void {
    this.#lines.push([escapeName(name), escapeValue(value)]);
  }

  clear(name: string): void {
    this.set(name, []);
  }

  /**
   * `ngx.req.get_headers(max)`: the first `maxLines` lines, names in lower case, a repeated name's values in a list
   * (lua-nginx-module, `ngx_http_lua_ffi_req_get_headers`).
   */
  toTable(maxLines: number): LuaTable {
    const table = new Map<string, string | string[]>();
    for (const [name, value] of this.#lines.slice(0, maxLines)) {
      const key = name.toLowerCase();
      const before = table.get(key);
      table.set(key, before === undefined ? value : [before, value].flat());
    }
    return Object.fromEntries(table);
  }

  /** As Node's `http` takes header lines: name, value, name, value. */
  toRaw(): string[] {
    return this.#lines.flat();
  }
}

function sameName(one: string, other: string): boolean {
  return one.length === other.length && one.toLowerCase() === other.toLowerCase();
}

function variableName(name: string): string {
  return name.toLowerCase().replaceAll('-', '_');
}

/** lua-nginx-module's `header_name` table in `ngx_http_lua_escape_uri`. */
function escapeName(name: string): string {
  return name.replace(/[^!#$%&'*+\-.^_`|~A-Za-z0-9]/g, percent);
}

/** lua-nginx-module's `header_value` table: control characters but the tab. */
function escapeValue(value: string): string {
  // eslint-disable-next-line no-control-regex -- control characters are what this looks for
  return value.replace(/[\u0000-\u0008\u000a-\u001f\u007f]/g, percent);
}

function percent(char: string): string {
  return `%${char.charCodeAt(0).toString(16).toUpperCase().padStart(2, '0')}`;
}
