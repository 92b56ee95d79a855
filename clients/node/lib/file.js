"use strict";

// Reads one file, keeps what it read, and says what is wrong with a file that cannot be read.

const fs = require("node:fs");
const { SecretUnreadableError } = require("./errors.js");

const FLAGS = fs.constants.O_RDONLY | (fs.constants.O_NONBLOCK ?? 0);
// A file may change twice within one tick of its file system's clock. Two seconds is the coarsest in use (FAT).
const TICK_MS = 2000;

const cache = new Map();

/** Returns what the cache holds under `key`, if one stat says that the file is still the one that was read. */
function unchanged(key) {
  const cached = cache.get(key);
  if (cached === undefined) return undefined;
  let now;
  try {
    now = fs.statSync(cached.place, { throwIfNoEntry: false });
  } catch {
    return undefined;
  }
  const then = cached.status;
  return now !== undefined &&
    now.mtimeMs === then.mtimeMs &&
    now.ctimeMs === then.ctimeMs &&
    now.size === then.size &&
    now.ino === then.ino &&
    now.dev === then.dev
    ? cached
    : undefined;
}

/** Returns what the file at `path` holds, or undefined where there is no such file. */
function readFile(path, key, variable) {
  const cached = unchanged(key);
  if (cached !== undefined) return cached;
  cache.delete(key);
  if (path.includes("\0")) {
    throw new SecretUnreadableError(`${variable ?? JSON.stringify(path)} is not a path: it contains a NUL byte.`);
  }
  let descriptor;
  try {
    descriptor = fs.openSync(path, FLAGS);
  } catch (error) {
    if (error.code === "ENOENT" && !isLink(path)) return undefined;
    throw refusal(path, error, variable);
  }
  let status, data;
  try {
    status = fs.fstatSync(descriptor);
    if (!status.isFile()) throw refusalOfKind(path, status, variable);
    data = readAll(descriptor, status.size);
  } catch (error) {
    throw error instanceof SecretUnreadableError ? error : refusal(path, error, variable);
  } finally {
    fs.closeSync(descriptor);
  }
  const found = { place: path, status, data, text: decode(data) };
  if (Date.now() - status.ctimeMs > TICK_MS) cache.set(key, found);
  return found;
}

function readAll(descriptor, size) {
  // What has no size, such as a file of the kernel's, is read to its end.
  let buffer = Buffer.allocUnsafe(size || 4096);
  let length = 0;
  for (;;) {
    const count = fs.readSync(descriptor, buffer, length, buffer.length - length, null);
    length += count;
    if (count === 0 || (size && length === size)) return buffer.subarray(0, length);
    if (length === buffer.length) buffer = Buffer.concat([buffer], buffer.length * 2);
  }
}

/** Returns the text without the newlines at its end, or undefined for bytes that are not UTF-8. */
function decode(data) {
  let end = data.length;
  while (end > 0 && data[end - 1] === 0x0a) end -= end > 1 && data[end - 2] === 0x0d ? 2 : 1;
  const text = data.toString("utf8", 0, end);
  // Decoding puts U+FFFD where the bytes are wrong; only a round trip tells it from one that was there.
  if (text.includes("\ufffd") && !Buffer.from(text).equals(data.subarray(0, end))) return undefined;
  return text;
}

function isLink(path) {
  try {
    return fs.lstatSync(path).isSymbolicLink();
  } catch {
    return false;
  }
}

/** Says what an operating system's error means to the person who has to mend it. */
function refusal(path, error, variable) {
  const origin = originOf(variable);
  if (error.code === "ENOENT") {
    return new SecretUnreadableError(
      `${path}${origin} is a link to ${fs.readlinkSync(path)}, which does not exist. Mount what it leads to, or ` +
        "remove the link.",
    );
  }
  if (error.code === "EACCES" || error.code === "EPERM") return new SecretUnreadableError(denial(path, origin));
  return new SecretUnreadableError(`${path}${origin} cannot be read: ${String(error.message).split(",")[0]}.`);
}

function denial(path, origin) {
  const user = process.geteuid ? `uid ${process.geteuid()}, gid ${process.getegid()}` : "its user";
  let status;
  try {
    status = fs.statSync(path);
  } catch {
    return `${path}${origin} cannot be reached: this process (${user}) may not look into a directory on the way to it.`;
  }
  const mode = (status.mode & 0o7777).toString(8).padStart(4, "0");
  return (
    `${path}${origin} exists, but this process (${user}) may not read it: its owner is ${status.uid}:${status.gid}, ` +
    `its mode ${mode}. Grant the secret with the process's uid (or gid) and mode 0400 (or 0440).`
  );
}

function refusalOfKind(path, status, variable) {
  const origin = originOf(variable);
  return new SecretUnreadableError(
    status.isDirectory()
      ? `${path}${origin} is a directory, not a file. Docker makes one when it mounts a file that is not there: ` +
        "remove it, create the file, and start the container anew."
      : `${path}${origin} is not a regular file. Put the secret into a file.`,
  );
}

function originOf(variable) {
  return variable === undefined ? "" : ` (named by ${variable})`;
}

module.exports = { readFile, unchanged, decode };
