/** A fault and where it is: the path of names and indexes from `config` on. */
export interface ConfigFault {
  readonly path: string;
  readonly message: string;
}
