/** What is wrong and where: the path of names and indexes from `config` on. */
export interface ConfigFault {
  readonly path: string;
  readonly message: string;
}
