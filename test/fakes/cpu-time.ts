/** The CPU time of this process while the work ran, in milliseconds: a machine that others use does not make it more. */
export async function cpuTimeMs(work: () => unknown): Promise<number> {
  const begun = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(begun);
  return (user + system) / 1000;
}
