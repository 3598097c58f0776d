/** Something in `longhaul.config.ts` or in the environment is unusable; the message is one line and says what and where. */
export class ConfigError extends Error {
  override readonly name = 'ConfigError';
}
