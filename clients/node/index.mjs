// A wrapper and not a second build: an application that mixes both kinds of module must share one cache and one set of
// error classes.
import strongroom from "./index.js";

export const {
  getSecret,
  getSecretBytes,
  getValidSecrets,
  validatePassword,
  watchSecret,
  SecretError,
  InvalidNameError,
  NotTextError,
  SecretNotFoundError,
  SecretUnreadableError,
} = strongroom;
