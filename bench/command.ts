import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';

/** The file that a command would run, looked for in the folders of a `PATH`; undefined when there is none. */
export async function findCommand(
  name: string,
  path = process.env['PATH'] ?? '',
): Promise<string | undefined> {
  for (const folder of path.split(delimiter)) {
    const file = join(folder, name);
    const isThere = await access(file, constants.X_OK).then(
      () => true,
      () => false,
    );
    if (isThere) return file;
  }
  return undefined;
}
