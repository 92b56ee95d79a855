/**
 * Returns a secret as text, without the newlines at its end.
 *
 * Looks at the file `/run/secrets/<name>` (another directory by `SECRETS_DIR`), the file that `<NAME>_FILE` names, the
 * variable `<NAME>`, and then takes the default if one was given (`undefined` and `null` count).
 *
 * @throws {SecretNotFoundError} it is in none of these places and no default was given
 * @throws {SecretUnreadableError} it exists but cannot be read; a later place is never tried instead
 * @throws {NotTextError} its bytes are not UTF-8
 * @throws {InvalidNameError} the name could lead out of the directory
 */
export function getSecret(name: string): string;
export function getSecret<T>(name: string, defaultValue: T): string | T;

/** Returns a secret's bytes exactly as they are, newlines included. Looks and throws as `getSecret` does. */
export function getSecretBytes(name: string): Buffer;
export function getSecretBytes<T>(name: string, defaultValue: T): Buffer | T;

/**
 * Returns the values that are valid while a secret is being rotated, the newest first, without repeats: those of
 * `<name>_current`, `<name>_previous` and `<name>` that exist.
 */
export function getValidSecrets(name: string): string[];

/** Tells whether `provided` is one of `getValidSecrets(name)`, in constant time. Nothing empty is ever valid. */
export function validatePassword(provided: string | Uint8Array, name: string): boolean;

export interface WatchOptions {
  /** Milliseconds between two looks (one `stat` each while nothing changes). 1000 when not given. */
  interval?: number;
  /** Ends the iteration, at once and without an error. */
  signal?: AbortSignal;
}

/**
 * Yields the secret's new value each time it changes, counted from this call. Keeps the process alive only while a
 * value is being awaited. An error of `getSecret` is thrown by the wait it happens in; awaiting again goes on watching.
 */
export function watchSecret(name: string, options?: WatchOptions): SecretWatch;

export interface SecretWatch extends AsyncIterableIterator<string> {
  next(): Promise<IteratorResult<string, undefined>>;
  return(): Promise<IteratorResult<string, undefined>>;
  [Symbol.asyncIterator](): SecretWatch;
}

/** The root of all errors of this package. No message contains a value. */
export class SecretError extends Error {
  readonly code: string;
}

/** The secret is nowhere it was looked for. */
export class SecretNotFoundError extends SecretError {
  /** The name that was asked for. */
  readonly secret: string;
  /** Every place that was looked at, in order, each with what was seen there. */
  readonly places: readonly string[];
}

/** The name could lead out of the directory of secrets. */
export class InvalidNameError extends SecretError {}

/** The secret exists where it was looked for, but cannot be read. */
export class SecretUnreadableError extends SecretError {}

/** The secret's bytes were asked for as text, but are not UTF-8. */
export class NotTextError extends SecretUnreadableError {}
