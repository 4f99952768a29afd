import { readFileSync } from 'node:fs';
import { z } from 'zod';
import { compileRoutes, RouteError, type Route } from './routes';

const ROUTES_FILE = z.strictObject({
  routes: z
    .array(
      z.strictObject({
        name: z.string().regex(/^[A-Za-z0-9_-]{1,64}$/, 'expected 1 to 64 letters, digits, "_" or "-"'),
        path: z.string(),
        channels: z.array(z.string()),
        messages: z.enum(['commands', 'refuse', 'relay']),
        session: z.boolean().default(false),
        slowConsumer: z.enum(['close', 'latest']).default('close'),
      }),
    )
    .min(1),
});

/**
 * Reads an operator's route table: `{"routes": [{"name", "path", "channels", "messages", "session"?,
 * "slowConsumer"?}]}`.
 * @throws RouteError naming the file, the entry and what was expected
 */
export function readRoutesFile(file: string): readonly Route[] {
  return parseRoutes(file, readText(file));
}

/**
 * Parses an operator's route table.
 * @param file its name, for the error message
 * @throws RouteError
 */
export function parseRoutes(file: string, text: string): readonly Route[] {
  const parsed = ROUTES_FILE.safeParse(parseJson(file, text));
  if (!parsed.success) {
    const faults = parsed.error.issues.map((issue) => `  ${place(issue.path)}: ${issue.message}`);
    throw new RouteError(`${file}:\n${faults.join('\n')}`);
  }
  try {
    return compileRoutes(parsed.data.routes);
  } catch (error) {
    if (error instanceof RouteError) throw new RouteError(`${file}: ${error.message}`);
    throw error;
  }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new RouteError(`${file}: expected a readable file`, { cause });
  }
}

function parseJson(file: string, text: string): unknown {
  try {
    return JSON.parse(text);
  } catch (cause) {
    throw new RouteError(`${file}: expected JSON`, { cause });
  }
}

function place(path: readonly PropertyKey[]): string {
  return path.length === 0 ? 'the file' : path.map(String).join('.');
}
