import { execFileSync } from 'node:child_process';
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';

/** An open TCP connection of a process, by the ports of its two ends. */
export interface OpenConnection {
  readonly local: number;
  readonly remote: number;
}

/** TCP_ESTABLISHED, as /proc/net/tcp writes it. */
const ESTABLISHED = '01';

/** The open connections of a process to these ports (Linux). */
export function connectionsOf(pid: number, ports: readonly number[]): readonly OpenConnection[] {
  const inodes = new Set(readdirSync(`/proc/${pid}/fd`).map((fd) => inodeOf(`/proc/${pid}/fd/${fd}`)));
  const lines = readFileSync(`/proc/${pid}/net/tcp`, 'latin1').trimEnd().split('\n').slice(1);
  return lines
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , , state, , , , , , inode]) => state === ESTABLISHED && inodes.has(inode))
    .map(([, local = '', remote = '']) => ({ local: portOf(local), remote: portOf(remote) }))
    .filter(({ remote }) => ports.includes(remote));
}

/** Whether a connection is one of these: a new one to another server may have the port of one that is gone. */
export function isAmong(open: readonly OpenConnection[], { local, remote }: OpenConnection): boolean {
  return open.some((one) => one.local === local && one.remote === remote);
}

/** From now on no packet of these connections arrives, either way. Bytes from before that nobody has read are lost as well. */
export function silence(connections: readonly OpenConnection[]): void {
  for (const { local, remote } of connections) {
    for (const [from, to] of [
      [local, remote],
      [remote, local],
    ])
      iptables('-A', `--sport ${from} --dport ${to}`);
  }
}

/** From now on nobody who asks for a new connection to these ports is answered. @returns a function that ends it */
export function refuseSilently(ports: readonly number[]): () => void {
  for (const port of ports) iptables('-A', `--dport ${port} --syn`);
  return () => {
    for (const port of ports) iptables('-D', `--dport ${port} --syn`);
  };
}

/** Lets every packet through again. */
export function letAllThrough(): void {
  execFileSync('iptables', ['-w', '-F', 'INPUT']);
}

function iptables(change: '-A' | '-D', match: string): void {
  execFileSync('iptables', ['-w', change, 'INPUT', '-p', 'tcp', ...match.split(' '), '-j', 'DROP']);
}

function portOf(address: string): number {
  return Number.parseInt(address.split(':')[1] ?? '', 16);
}

function inodeOf(fd: string): string | undefined {
  try {
    return /^socket:\[(\d+)\]$/.exec(readlinkSync(fd))?.[1];
  } catch {
    // It was closed meanwhile.
    return undefined;
  }
}
