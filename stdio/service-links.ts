/**
 * Variables that Kubernetes, and Docker's links before it, set for every Service of the namespace: `WEB_SERVICE_HOST`,
 * `WEB_PORT=tcp://10.0.0.1:80`, `WEB_PORT_80_TCP_ADDR` for one called `web`. One called `bridge` gets our prefix.
 */
const NAME =
  /_(?:SERVICE_HOST|SERVICE_PORT(?:_[A-Z0-9_]+)?|PORT_\d+_(?:TCP|UDP|SCTP)(?:_(?:PROTO|PORT|ADDR))?)$/;
const ADDRESS = /^(?:tcp|udp|sctp):\/\//i;

/** Whether a value is the address of a Service. */
export function isServiceAddress(value: string): boolean {
  return ADDRESS.test(value);
}

/** Whether a variable was set for a Service, and by nobody who meant this program. */
export function isServiceLink(name: string, value: string): boolean {
  return NAME.test(name) || (name.endsWith('_PORT') && isServiceAddress(value));
}
