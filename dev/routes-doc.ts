import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { format, resolveConfig } from 'prettier';
import { z } from 'zod';
import { builtInRoutesFile, ROUTE_MEMBERS } from '../sidecar/routes/file';

/** docs/routes.md: the format of a routes file, from its schema, and the built-in table to copy. */
export async function routesDoc(): Promise<string> {
  const text = [
    '# Your routes',
    '<!-- Made from the schema by `npm run docs`; a test holds the two together. -->',
    INTRODUCTION,
    '## Members of a route',
    table(),
    PLACEHOLDERS,
    '## The built-in table',
    '`ws-bridge routes` prints it:',
    `\`\`\`json\n${builtInRoutesFile()}\`\`\``,
  ].join('\n\n');
  const file = join(__dirname, '../.prettierrc.json');
  return format(text, { ...(await resolveConfig(file)), parser: 'markdown' });
}

const INTRODUCTION = `\`BRIDGE_ROUTES_FILE\` names a JSON file, \`{"routes": [...]}\`, that replaces the built-in table whole: copy what you keep of it. The
bridge reads it at start and refuses one that it cannot serve, with the route and what was expected; \`ws-bridge doctor\` says the same
before. Unknown members are refused. A route of the bridge also needs a route of the gateway that leads there (kong.yml). Its
channels and its key need rights of the bridge's Redis user ([redis.md](redis.md)).`;

const PLACEHOLDERS = `## Placeholders

A placeholder fills a whole place between two colons of a channel. \`{tenant}\` and \`{user}\` are those of the verified assertion,
\`{session}\` that of a route with sessions, every other is a parameter of the path. A channel has \`{tenant}\` or \`{session}\`, so that no
tenant hears another's. No two channels of the table may spell one name for two owners.

The same holds for the key of \`initial\`, which services set before they publish ([redis.md](redis.md), "States of channels"). No two keys
of the table may spell one name for two owners.

Each value is escaped: every byte outside \`A-Z a-z 0-9 - . _ ~\` is written \`%XX\`, upper-case hex, of its UTF-8. For the tenant
\`a:b\`, \`{tenant}:notifications\` is \`a%3Ab:notifications\`, and services publish there. A parameter of the path is percent-decoded once
before that; one that is empty or longer than 256 bytes leads nowhere (404).

In double braces, \`{{tenant}}:notifications\`, a value is a hash tag of a Redis Cluster: the channel is \`{acme}:notifications\`. Channels with
the same tag share a slot, so that a client can resume at another bridge ([PROTOCOL.md](../PROTOCOL.md), section 7).`;

function table(): string {
  const rows = Object.entries(ROUTE_MEMBERS.shape).map(([name, member]) => {
    const { type, enum: values, items, default: fallback } = z.toJSONSchema(member, { io: 'input' }) as Shape;
    const kind = values === undefined ? type : values.map((value) => `\`${value}\``).join(', ');
    const of = items === undefined ? '' : ` of ${items.type}`;
    const missing = member.safeParse(undefined).success ? 'none' : '**required**';
    const value = fallback === undefined ? missing : `\`${JSON.stringify(fallback)}\``;
    return `| \`${name}\` | ${kind}${of} | ${value} | ${member.description ?? ''} |`;
  });
  return ['| Member | Type | Default | Meaning |', '| --- | --- | --- | --- |', ...rows].join('\n');
}

interface Shape {
  readonly type: string;
  readonly enum?: readonly string[];
  readonly items?: { readonly type: string };
  readonly default?: unknown;
}

if (require.main === module) {
  void routesDoc().then((text) => {
    writeFileSync(join(__dirname, '../../docs/routes.md'), text);
  });
}
