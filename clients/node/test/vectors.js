"use strict";

// Prepares what a vector of spec/vectors describes, calls the reader, and tells what happened.

const assert = require("node:assert/strict");
const fs = require("node:fs");
const os = require("node:os");
const path = require("node:path");
const strongroom = require("../index.js");

const VECTORS = process.env.STRONGROOM_VECTORS ?? path.join(__dirname, "..", "..", "..", "spec", "vectors");
const NOBODY = 65534;

function load() {
  return fs
    .readdirSync(VECTORS)
    .filter((file) => file.endsWith(".json"))
    .sort()
    .flatMap((file) => JSON.parse(fs.readFileSync(path.join(VECTORS, file), "utf8")).vectors);
}

function run(vector) {
  const root = fs.mkdtempSync(path.join(os.tmpdir(), "strongroom-"));
  const environment = { ...process.env };
  try {
    fs.chmodSync(root, 0o755);
    fs.mkdirSync(path.join(root, "secrets"), { mode: 0o755 });
    clear(vector);
    process.env.SECRETS_DIR = `${root}/secrets`;
    for (const step of [vector, ...(vector.then ?? [])]) {
      place(root, step.files ?? {});
      for (const [variable, value] of Object.entries(step.env ?? {})) {
        if (value === null) delete process.env[variable];
        else process.env[variable] = value.replaceAll("{root}", root);
      }
      check(step.expect, asSomeone(vector, () => outcome(vector)), root);
    }
  } finally {
    for (const variable of Object.keys(process.env)) delete process.env[variable];
    Object.assign(process.env, environment);
    unlock(root);
    fs.rmSync(root, { recursive: true, force: true });
  }
}

/** Gives directories their rights back, or nobody but root could remove them. */
function unlock(root) {
  for (const entry of fs.readdirSync(root, { withFileTypes: true })) {
    if (entry.isDirectory()) fs.chmodSync(path.join(root, entry.name), 0o755);
  }
}

/** Unsets every variable that the vector's names could reach. */
function clear(vector) {
  const variable = vector.secret.toUpperCase().replace(/[-.]/g, "_");
  for (const name of Object.keys(process.env)) {
    if (variable !== "" && name.toUpperCase().startsWith(variable)) delete process.env[name];
  }
}

function place(root, files) {
  for (const [name, content] of Object.entries(files)) {
    const file = path.join(root, name);
    if (!(content.directory && fs.existsSync(file))) fs.rmSync(file, { recursive: true, force: true });
    fs.mkdirSync(path.dirname(file), { recursive: true, mode: 0o755 });
    if (content.link !== undefined) fs.symlinkSync(content.link, file);
    else if (content.fifo) require("node:child_process").execFileSync("mkfifo", [file]);
    else if (content.directory) fs.mkdirSync(file, { recursive: true });
    else if (!content.absent) fs.writeFileSync(file, bytes(content));
  }
  // Last and inside out: a directory may lose its rights.
  for (const [name, content] of Object.entries(files).sort().reverse()) {
    if (content.link !== undefined || content.fifo || content.absent) continue;
    fs.chmodSync(path.join(root, name), Number.parseInt(content.mode ?? (content.directory ? "0755" : "0444"), 8));
  }
}

function bytes(content) {
  if (content.base64 !== undefined) return Buffer.from(content.base64, "base64");
  if (content.repeat !== undefined) return Buffer.from(content.repeat.text.repeat(content.repeat.times));
  return Buffer.from(content.text);
}

/** Is nobody while a vector that needs permissions to hold is read by root; another user already is somebody else. */
function asSomeone(vector, call) {
  if (vector.needs !== "permissions" || process.geteuid() !== 0) return call();
  const groups = process.getgroups();
  process.setgroups([NOBODY]);
  process.setegid(NOBODY);
  process.seteuid(NOBODY);
  try {
    return call();
  } finally {
    process.seteuid(0);
    process.setegid(0);
    process.setgroups(groups);
  }
}

const CALLS = {
  get_secret(vector, defaults) {
    const text = strongroom.getSecret(vector.secret, ...defaults);
    return text === null ? { null: true } : { text };
  },
  get_secret_bytes: (vector, defaults) => ({
    base64: strongroom.getSecretBytes(vector.secret, ...defaults).toString("base64"),
  }),
  get_valid_secrets: (vector) => ({ texts: strongroom.getValidSecrets(vector.secret) }),
  validate_password: (vector) => ({ valid: strongroom.validatePassword(vector.provided, vector.secret) }),
};

function outcome(vector) {
  try {
    return CALLS[vector.call](vector, "default" in vector ? [vector.default] : []);
  } catch (error) {
    const kinds = {
      SecretNotFoundError: "not_found",
      InvalidNameError: "invalid_name",
      NotTextError: "not_text",
      SecretUnreadableError: "unreadable",
    };
    if (!(error instanceof strongroom.SecretError)) throw error;
    return { error: kinds[error.name], message: error.message };
  }
}

function check(expected, got, root) {
  if (expected.error !== undefined) {
    assert.equal(got.error, expected.error);
    for (const mention of expected.mentions ?? []) {
      assert.ok(got.message.includes(mention.replaceAll("{root}", root)), `no ${mention} in: ${got.message}`);
    }
  } else if (expected.length !== undefined) {
    assert.equal([...(got.text ?? "")].length, expected.length);
  } else {
    assert.deepEqual(got, expected);
  }
}

module.exports = { load, run };
