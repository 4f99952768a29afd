/** As much of ioredis's `Cluster` as its map of slots needs. */
export interface RefreshableCluster {
  refreshSlotsCache(): void;
  on(event: string, listener: () => void): unknown;
}

/**
 * Reads a cluster's map of slots anew every `intervalMs`, from when it is ready until it is let go of. It stands in
 * place of ioredis's `slotsRefreshInterval`. That one, let go of while it reads, sets its timer once more and then for
 * ever: the process does not end.
 */
export function refreshSlots(cluster: RefreshableCluster, intervalMs: number): void {
  let timer: NodeJS.Timeout | undefined;
  cluster.on('ready', () => {
    timer ??= setInterval(() => {
      cluster.refreshSlotsCache();
    }, intervalMs);
  });
  for (const event of ['disconnecting', 'close', 'end']) {
    cluster.on(event, () => {
      clearInterval(timer);
      timer = undefined;
    });
  }
}
