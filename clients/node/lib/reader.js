"use strict";

// The reader: how an application gets its secrets. Follows spec/reader.md; tested by spec/vectors.

const crypto = require("node:crypto");
const { InvalidNameError, NotTextError, SecretNotFoundError, SecretUnreadableError } = require("./errors.js");
const { decode, readFile, unchanged } = require("./file.js");

function getSecret(name, ...defaults) {
  const directory = process.env.SECRETS_DIR || "/run/secrets";
  // The key keeps directory and name apart, or 'secrets/x' in /run would be answered with what is x in /run/secrets.
  const cached = unchanged(`${directory}\0${name}`);
  if (cached !== undefined && cached.text !== undefined) return cached.text;
  const found = find(directory, name);
  if (!Array.isArray(found)) {
    if (found.text === undefined) throw new NotTextError(found.place);
    return found.text;
  }
  if (defaults.length > 0) return defaults[0];
  throw new SecretNotFoundError(name, found);
}

function getSecretBytes(name, ...defaults) {
  const found = find(process.env.SECRETS_DIR || "/run/secrets", name);
  // A copy, since a caller who writes into a Buffer must not change what the next one gets.
  if (!Array.isArray(found)) return Buffer.from(found.data);
  if (defaults.length > 0) return defaults[0];
  throw new SecretNotFoundError(name, found);
}

function getValidSecrets(name) {
  checkName(name);
  const values = new Set();
  const places = [];
  for (const variant of [`${name}_current`, `${name}_previous`, name]) {
    try {
      values.add(getSecret(variant));
    } catch (error) {
      if (!(error instanceof SecretNotFoundError)) throw error;
      places.push(...error.places);
    }
  }
  if (values.size === 0) throw new SecretNotFoundError(name, places);
  return [...values];
}

function validatePassword(provided, name) {
  // Digests have one length, so that the comparison's time tells nothing about the secret's.
  const digest = sha256(provided);
  let valid = 0;
  for (const value of getValidSecrets(name)) {
    valid |= Number(crypto.timingSafeEqual(digest, sha256(value))) & Number(value !== "");
  }
  return valid === 1;
}

function sha256(value) {
  return crypto.createHash("sha256").update(value).digest();
}

/** Returns what was found first, or all the places that were looked at, with what was seen there. */
function find(directory, name) {
  checkName(name);
  const path = directory.endsWith("/") ? `${directory}${name}` : `${directory}/${name}`;
  const found = readFile(path, `${directory}\0${name}`);
  if (found !== undefined) return found;
  const variable = name.replace(/[a-z]/g, (letter) => letter.toUpperCase()).replace(/[-.]/g, "_");
  const named = `${variable}_FILE`;
  const pathFromVariable = process.env[named];
  if (pathFromVariable) {
    const other = readFile(pathFromVariable, `\0${pathFromVariable}`, named);
    if (other !== undefined) return other;
    throw new SecretUnreadableError(
      `${named} names ${pathFromVariable}, which does not exist. Create that file, or unset ${named}.`,
    );
  }
  const value = process.env[variable];
  if (value) {
    const data = Buffer.from(value);
    return { place: variable, data, text: decode(data) };
  }
  return [
    `no file ${path}`,
    `${named} is ${pathFromVariable === undefined ? "not set" : "empty"}`,
    `${variable} is ${value === undefined ? "not set" : "empty"}`,
  ];
}

function checkName(name) {
  if (typeof name !== "string" || /^\.{0,2}$|[/\\\0]|\p{Surrogate}/u.test(name)) {
    throw new InvalidNameError(String(name));
  }
}

module.exports = { getSecret, getSecretBytes, getValidSecrets, validatePassword };
