/** Node's flags for a CPU profile of a server, or none. */
export function profileFlags(folder: string | undefined): readonly string[] {
  return folder === undefined ? [] : ['--cpu-prof', '--cpu-prof-dir', folder];
}
