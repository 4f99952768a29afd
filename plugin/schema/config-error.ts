/** A configuration that cannot be used. The message names the field and what was expected, never a secret. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
  readonly code = 'ERR_CONFIG_INVALID';
}
